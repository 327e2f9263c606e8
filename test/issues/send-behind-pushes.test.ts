import { forEach, open, pipeline } from 'semel'
import { expect, onTestFinished, test } from 'vitest'
import { small } from '../runtime/verbs.js'

// The core learned what a sender has read only when it was asked for news, and that only while
// somebody waited. Behind as many pushed messages as there are marks, it had no mark for the next one
// that was awaited, which waited for ever.
test.each([1, 3])(
  'a message is taken that is awaited behind many that are not, over %i shards',
  async (shards) => {
    const numbers = pipeline('numbers')
      .accepts<{ n: number }>()
      .deliver('at-most-once')
      .keyBy(({ n }) => n)
      .to(forEach(() => {}))
    const stream = await open(numbers, { ...small, shards, workers: 0, acknowledge: 'processed' })
    onTestFinished(() => stream.close({ timeout: 0 }))
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 20_000; n++) while (!stream.push({ n })) await stream.ready()
      const sends = Array.from({ length: 10 }, (_, n) => stream.send({ n }, { timeout: 5000 }))
      const outcomes = (await Promise.all(sends)).map(({ outcome }) => outcome)
      expect(new Set(outcomes)).toEqual(new Set(['processed']))
    }
  },
)
