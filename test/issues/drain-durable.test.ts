import { fixed, memory, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, scratch, small } from '../runtime/verbs.js'

// At disk, messages may be processed before they are synced. Who only pushes has nothing but `drain` to
// know that they are safe, and it did not wait for that.
test('drain waits until what was pushed has reached the disk', async () => {
  const stream = await opened(
    pipeline('pushed')
      .accepts<number>()
      .deliver('exactly-once', { id: (n) => n, window: '1h' })
      .to(memory()),
    // Long enough that a drain which does not wait for the group comes before it.
    { ...small, dir: scratch(), durability: 'disk', workers: 0, groupPauseUs: 200_000 },
  )
  for (let n = 0; n < 5; n++) {
    stream.push(2 * n)
    await stream.drain()
    stream.push(2 * n + 1)
    await stream.drain()
    const [shard] = stream.shardCounters()
    expect(shard?.durable).toBe(shard?.stored)
  }
})

// A dead letter is listed once its acknowledgment is durable, which at an interval nobody hurried.
test('drain at an interval makes the next sync at once, and dead letters are listed behind it', async () => {
  const stream = await opened(
    pipeline('failing')
      .accepts<number>()
      .deliver('exactly-once', { id: (n) => n, window: '1h' })
      .retry({ attempts: 1, backoff: fixed(1) })
      .map(() => {
        throw new Error('never')
      })
      .to(memory()),
    { ...small, dir: scratch(), durability: { interval: 60_000 }, workers: 0 },
  )
  stream.push(1)
  stream.push(2)
  await stream.drain({ timeout: 10_000 })
  expect([...stream.deadLetters.list()].map(({ message }) => message)).toEqual([1, 2])
})
