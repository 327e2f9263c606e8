import * as vitest from 'vitest'
import { describe, expect, it } from 'vitest'
import { forEach, open, pipeline, type SourceFailed } from 'semel'
import { describeReplayableSource, memoryPartitions } from 'semel/testing'
import { expectBalanced, scratch, small, until } from '../runtime/verbs.js'
import {
  all,
  counted,
  Gate,
  idOf,
  onlyBehind,
  opened,
  pipelineOf,
  rows,
  type Row,
} from './replayable.js'

describeReplayableSource(vitest, {
  name: 'partitions in memory',
  create() {
    const group = memoryPartitions<Row>({ batch: 3, offset: (index) => (index + 1) * 10 })
    const messages = new Map(['a', 'b', 'c'].map((name) => [name, rows(name, 8)]))
    for (const [name, own] of messages) group.put(name, ...own)
    return {
      source: () => group.member(),
      messages,
      trim: (partition, index) => group.trim(partition, index),
    }
  },
  safe: true,
  groups: true,
  trims: true,
})

describe('a replayable source', () => {
  it.each([
    ['at-most-once', 1],
    ['at-least-once', 1],
    ['exactly-once', 1],
    ['exactly-once', 100],
  ] as const)('is read to its end, %s, in batches of %i', async (delivery, batch) => {
    const took: string[] = []
    const isFirst = delivery === 'at-most-once'
    const group = memoryPartitions<Row>({ batch, ...(!isFirst && { onSafe: onlyBehind(took) }) })
    for (const name of ['a', 'b', 'c']) group.put(name, ...rows(name, 200))
    group.end()
    const stream = await opened(
      pipelineOf(delivery, (row) => took.push(idOf(row))),
      scratch(),
      isFirst ? { durability: 'memory' } : { shards: 2 },
    )
    expect(await stream.consume(group.member())).toEqual({ rows: 600, malformed: 0 })
    await stream.drain()
    expectBalanced(stream.counters())
    await stream.close()
    expect(took.toSorted()).toEqual(all(200, 'a', 'b', 'c'))
    expect([...group.safe.values()]).toEqual([200, 200, 200])
    expect(group.violations).toEqual([])
  })

  it('goes on past a shard of four that stands still', async () => {
    const gate = new Gate()
    const group = memoryPartitions<Row>({ batch: 1 })
    const stream = await opened(
      pipelineOf('at-least-once', ({ partition }) => (partition === 'x' ? gate.opened : undefined)),
      scratch(),
      { shards: 4 },
    )
    // One key each: a partition goes to one shard.
    for (let i = 0; i < 12; i++) group.put(`p${i}`, ...rows(`p${i}`, 20, 1))
    group.put('x', ...rows('x', 1))
    group.end()
    const read = stream.consume(group.member())
    const done = (): string[] => [...group.safe].filter(([, at]) => at === 20).map(([name]) => name)
    await until(() => done().length >= 6)
    expect(group.safe.get('x')).toBe(0)
    gate.open()
    await read
    expect(done()).toHaveLength(12)
    expect(group.safe.get('x')).toBe(1)
    await stream.close()
  })

  it('goes to the classes of a stream, and is safe where each of them has its part', async () => {
    const gate = new Gate()
    const took: string[] = []
    const definition = pipeline('classes')
      .accepts<Row>()
      .deliver(({ id }) => (id % 2 === 0 ? 'exactly-once' : 'at-most-once'), {
        'exactly-once': { id: idOf, window: '1h' },
        'at-most-once': {},
      })
      .to(
        forEach(
          async (row: Row) => {
            if (row.id === 10) await gate.opened
            took.push(idOf(row))
          },
          { idempotent: true },
        ),
      )
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 20))
    group.end()
    const stream = await open<Row>(definition, {
      ...small,
      dir: scratch(),
      workers: 0,
      durability: 'process',
    })
    const read = stream.consume(group.member())
    await until(() => took.length >= 15)
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(group.safe.get('a')).toBe(0)
    gate.open()
    await read
    expect(group.safe.get('a')).toBe(20)
    await stream.close()
    expect(took.toSorted()).toEqual(all(20, 'a'))
  })

  it('that fails in the middle is connected again, and goes on there', async () => {
    const told: SourceFailed[] = []
    const took: string[] = []
    let calls = 0
    const group = memoryPartitions<Row>({
      batch: 5,
      onSafe: onlyBehind(took),
      fault: () => (++calls % 7 === 0 ? 'after' : calls % 11 === 0 ? 'before' : undefined),
    })
    for (const name of ['a', 'b']) group.put(name, ...rows(name, 40))
    group.end()
    const stream = await opened(
      pipelineOf('exactly-once', (row) => took.push(idOf(row))),
      scratch(),
    )
    stream.on('source-failed', (event) => told.push(event))
    await stream.consume(group.member())
    await stream.drain()
    await stream.close()
    expect(told.length).toBeGreaterThan(0)
    expect([...counted(took).values()].every((times) => times === 1)).toBe(true)
    expect(took.toSorted()).toEqual(all(40, 'a', 'b'))
    expect(group.violations).toEqual([])
  })

  it('that never ends is ended by the signal, and where the stream is closed', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 5))
    const abort = new AbortController()
    const read = stream.consume(group.member(), { signal: abort.signal })
    await until(() => group.given === 5)
    abort.abort()
    expect(await read).toEqual({ rows: 5, malformed: 0 })
    expect(group.safe.get('a')).toBe(5)
    const again = expect(stream.consume(group.member())).rejects.toMatchObject({
      code: 'SEMEL_CLOSED',
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    await stream.close()
    await again
  })
})
