import { fixed, forEach, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, pushAll, scratch, small, until } from '../runtime/verbs.js'
import { Gate } from './gate.js'

// A message that the sink had refused again was tried once more before that was committed, so the attempt
// was not counted; and what had been processed of its key meanwhile was written before it.
test('a message that its sink refuses twice is written before the later ones of its key', async () => {
  const both = new Gate()
  const refusal = new Gate()
  const rest = new Gate()
  const tries: string[] = []
  const written: string[] = []
  let given = 0
  const stream = await opened(
    pipeline('refused')
      .accepts<string>()
      .deliver('at-least-once')
      .keyBy((name) => name.slice(0, 1))
      .retry({ attempts: 4, backoff: fixed(5) })
      .map(async (name, { attempt }) => {
        tries.push(`${name} ${attempt}`)
        // The second attempts of both end together, and so are written by one call.
        if (tries.includes('a1 2') && tries.includes('b1 2')) both.open()
        if (attempt === 2) await both.opened
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
        return name
      })
      .to(
        forEach(async (name: string) => {
          if (name === 'a1') {
            given += 1
            if (given === 2) await refusal.opened
            if (given <= 2) throw new Error('refused')
          }
          if (name === 'b1') {
            if (!tries.includes('b1 2')) throw new Error('refused')
            await rest.opened
          }
          written.push(name)
        }),
      ),
    { ...small, dir: scratch(), durability: 'process', workers: 0 },
  )
  await pushAll(stream, ['a1', 'b1'])
  await until(() => given === 2)
  await pushAll(stream, ['a2'])
  await until(() => tries.includes('a2 1'))
  refusal.open()
  await new Promise((resolve) => {
    setTimeout(resolve, 50)
  })
  rest.open()
  await stream.drain({ timeout: 5000 })
  expect(written.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2'])
  expect(tries.filter((one) => one.startsWith('a1'))).toEqual(['a1 1', 'a1 2', 'a1 3'])
})
