import { fixed, memory, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, scratch, small } from '../runtime/verbs.js'

// The histories of one commit's dead letters can be more than the ring of answers holds: the commit was
// tried again and again, and the shard stood still.
test('dead letters whose histories fit no ring end all the same, and their senders hear of it', async () => {
  const stream = await opened(
    pipeline('failing')
      .accepts<number>()
      .deliver('at-least-once')
      .retry({ attempts: 1, backoff: fixed(1) })
      .map(() => {
        throw new Error('"'.repeat(400))
      })
      .to(memory()),
    { ...small, dir: scratch(), durability: 'process', workers: 0 },
  )
  const receipts = await Promise.all(Array.from({ length: 400 }, (_, n) => stream.send(n)))
  const ends = await Promise.all(
    receipts.map((receipt) => ('outcome' in receipt ? receipt.outcome : undefined)),
  )
  expect(
    ends.filter((end) => (end as { outcome: string }).outcome === 'dead-lettered'),
  ).toHaveLength(400)
})
