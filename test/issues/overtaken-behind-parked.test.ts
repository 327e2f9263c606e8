import { EventEmitter, once } from 'node:events'
import { fixed, memory, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, pushAll, scratch, small, until } from '../runtime/verbs.js'

interface Job {
  readonly id: string
  readonly key: string
}

// B came while A was parked, so it was to wait behind it; but it was parked only when the slow message
// in front of it had ended. C came when A was through, found nothing parked, and ran before B.
test('a message that waits behind a parked one is not overtaken while an earlier one is slow', async () => {
  const sink = memory<Job>()
  const ran: string[] = []
  const gate = new EventEmitter()
  const slow = once(gate, 'open')
  const definition = pipeline('overtaken')
    .accepts<Job>()
    .deliver('at-least-once')
    .retry({ attempts: 3, backoff: fixed(20) })
    .keyBy((job) => job.key)
    .map(async (job, { attempt }) => {
      if (job.id === 'slow') await slow
      ran.push(`${job.id}${attempt}`)
      if (job.id === 'A' && attempt === 1) throw new Error('not yet')
      return job
    })
    .to(sink)
  const stream = await opened<Job>(definition, {
    ...small,
    dir: scratch(),
    durability: 'process',
    workers: 0,
  })
  await pushAll(stream, [{ id: 'A', key: 'a' }])
  await until(() => stream.counters().parked === 1, 'parking')
  await pushAll(stream, [
    { id: 'slow', key: 's' },
    { id: 'B', key: 'a' },
  ])
  await until(() => stream.counters().processed === 1, 'the second attempt')
  await pushAll(stream, [{ id: 'C', key: 'a' }])
  await new Promise((resolve) => {
    setTimeout(resolve, 20)
  })
  gate.emit('open')
  await stream.drain({ timeout: 5000 })
  expect(ran.filter((one) => !one.startsWith('slow'))).toEqual(['A1', 'A2', 'B1', 'C1'])
  expect(sink.outputs.filter(({ key }) => key === 'a').map(({ id }) => id)).toEqual(['A', 'B', 'C'])
})
