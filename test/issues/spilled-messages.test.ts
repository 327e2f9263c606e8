import { memory, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened } from '../runtime/verbs.js'

// A message that did not fit into what was left of the sender's buffer was taken with all of the larger
// buffer that it was encoded into: refused as too large, or stored with bytes behind it.
test('messages that are larger than the room left in the buffer arrive as they are', async () => {
  const sink = memory<string[]>()
  const stream = await opened<string[]>(
    pipeline('large').accepts<string[]>().deliver('at-most-once').to(sink),
    { workers: 0 },
  )
  const sent = [10, 600_000, 1_300_000, 90_000, 90_000, 500_000, 10].map((length) => [
    'x'.repeat(length),
    `${length}`,
  ])
  for (const message of sent) {
    while (!stream.push(message)) await stream.ready()
  }
  await stream.drain()
  expect(sink.outputs.map(([text, length]) => [text?.length, length])).toEqual(
    sent.map(([text, length]) => [text?.length, length]),
  )
})
