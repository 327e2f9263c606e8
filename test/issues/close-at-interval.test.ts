import { memory, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, scratch, small } from '../runtime/verbs.js'

// Ending the sync thread waited for the rest of the interval.
test('a stream with a long interval closes at once', async () => {
  const stream = await opened(
    pipeline('rare')
      .accepts<{ id: number }>()
      .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
      .to(memory()),
    { ...small, dir: scratch(), workers: 0, durability: { interval: 60_000 } },
  )
  stream.push({ id: 1 })
  const began = performance.now()
  await stream.close()
  expect(performance.now() - began).toBeLessThan(5000)
})
