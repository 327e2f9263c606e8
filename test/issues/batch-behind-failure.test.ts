import { fixed, memory, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, pushAll, scratch, small } from '../runtime/verbs.js'

// The key of a failed message was passed on when the failure was committed. A batch is committed as a
// whole, with all messages up to its last one: a message of that key between them waited for the failure,
// the failure for the batch, and the batch for that message, for ever.
test('a batch around a failed message and the next of its key is committed', async () => {
  const failed = new Set<string>()
  const sink = memory<string>()
  const stream = await opened(
    pipeline('held')
      .accepts<string>()
      .deliver('exactly-once', { id: (name) => name, window: '1h' })
      .keyBy((name) => name.slice(0, 1))
      .retry({ attempts: 3, backoff: fixed(1) })
      .map((name) => {
        if (name !== 'k1' || failed.has(name)) return name
        failed.add(name)
        throw new Error('fails once')
      })
      .batch(2, { within: '1h' })
      .flatMap((names) => names)
      .to(sink),
    { ...small, dir: scratch(), durability: 'process', workers: 0 },
  )
  await pushAll(stream, ['a1', 'k1', 'k2', 'b1'])
  await stream.drain({ timeout: 5000 })
  expect(sink.outputs.toSorted()).toEqual(['a1', 'b1', 'k1', 'k2'])
  expect(sink.outputs.filter((name) => name.startsWith('k'))).toEqual(['k1', 'k2'])
})
