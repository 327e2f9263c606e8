import { describe, expect, it } from 'vitest'
import { memoryPartitions } from 'semel/testing'
import { expectBalanced, scratch, until } from '../runtime/verbs.js'
import { counted, Gate, idOf, opened, pipelineOf, rows, type Delivery } from './replayable.js'

const all = (count: number, ...partitions: string[]): string[] =>
  partitions.flatMap((partition) => rows(partition, count).map(idOf)).toSorted()

describe('a replayable source', () => {
  it.each([
    ['at-most-once', 1],
    ['at-least-once', 1],
    ['exactly-once', 1],
    ['exactly-once', 100],
  ] as const)('is read to its end, %s, in batches of %i', async (delivery, batch) => {
    const took: string[] = []
    const done = new Set<string>()
    const group = memoryPartitions({ batch })
    for (const name of ['a', 'b', 'c']) group.put(name, ...rows(name, 200))
    group.end()
    const stream = await opened(
      pipelineOf(delivery, (row) => {
        took.push(idOf(row))
        done.add(idOf(row))
      }),
      scratch(),
      delivery === 'at-most-once' ? { durability: 'memory' } : { shards: 2 },
    )
    expect(await stream.consume(group.member())).toEqual({ rows: 600, malformed: 0 })
    await stream.drain()
    expectBalanced(stream.counters())
    await stream.close()
    expect(took.toSorted()).toEqual(all(200, 'a', 'b', 'c'))
    expect([...group.safe.values()]).toEqual([200, 200, 200])
    expect(group.violations).toEqual([])
  })
})
