import { memory, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, scratch, small } from '../runtime/verbs.js'

// A send that waited for room was overtaken by a later one that came when there was room again, before
// the first one was told of it.
test('messages are stored in the order of their sends, however long each waits for room', async () => {
  const sink = memory<number>()
  const stream = await opened(
    pipeline('sends')
      .accepts<{ n: number; pad: string }>()
      .deliver('at-least-once')
      .map(({ n }) => n)
      .to(sink),
    { ...small, dir: scratch(), durability: 'disk', workers: 0 },
  )
  const pad = 'x'.repeat(500)
  const sent: Promise<unknown>[] = []
  const count = 6000
  for (let n = 0; n < count; n++) {
    sent.push(stream.send({ n, pad }))
    if (n % 50 === 49) {
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
  }
  await Promise.all(sent)
  await stream.drain()
  expect(sink.outputs).toEqual(Array.from({ length: count }, (_, n) => n))
})
