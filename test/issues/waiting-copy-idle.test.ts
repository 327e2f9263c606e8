import { fixed, forEach, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, pushAll, scratch, small, until } from '../runtime/verbs.js'
import { Gate } from './gate.js'

// A parked copy waits until the message that it is a copy of is committed. The one behind it in its key's
// line was begun all the same, put back, and begun again, as fast as the shard could turn.
test('a shard is idle while a parked copy waits for the outcome of its message', async () => {
  const gate = new Gate()
  let given = 0
  const stream = await opened(
    pipeline('copies')
      .accepts<{ id: number }>()
      .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
      .keyBy(() => 'one')
      .retry({ attempts: 3, backoff: fixed(20) })
      .map((message, { attempt }) => {
        if (message.id === 1 && attempt === 1) throw new Error('fails once')
        return message
      })
      .to(
        forEach(
          async () => {
            given += 1
            await gate.opened
          },
          { idempotent: true },
        ),
      ),
    { ...small, dir: scratch(), durability: 'process', workers: 0 },
  )
  await pushAll(stream, [{ id: 1 }, { id: 1 }, { id: 2 }])
  await until(() => given === 1)
  const before = process.cpuUsage()
  await new Promise((resolve) => {
    setTimeout(resolve, 300)
  })
  const { user, system } = process.cpuUsage(before)
  gate.open()
  await stream.drain({ timeout: 5000 })
  expect(stream.counters()).toMatchObject({ processed: 2, duplicate: 1 })
  expect((user + system) / 1000).toBeLessThan(100)
})
