import * as vitest from 'vitest'
import { describe, expect, it } from 'vitest'
import {
  Unavailable,
  forEach,
  open,
  pipeline,
  type OpenOptions,
  type Place,
  type ReplayableContext,
  type ReplayableSource,
  type SourceFailed,
} from 'semel'
import { describeReplayableSource, memoryPartitions } from 'semel/testing'
import { expectBalanced, scratch, small, until } from '../runtime/verbs.js'
import { counted, Gate, idOf, opened, pipelineOf, rows, type Row } from './replayable.js'

const all = (count: number, ...partitions: string[]): string[] =>
  partitions.flatMap((partition) => rows(partition, count).map(idOf)).toSorted()

/** Fails where a place is told safe before all rows up to there have had their effect. */
const onlyBehind =
  (took: readonly string[]) =>
  ({ partition, offset }: Place): void => {
    const missing = rows(partition, Number(offset)).find((row) => !took.includes(idOf(row)))
    if (missing !== undefined) throw new Error(`${offset} is safe without ${idOf(missing)}`)
  }

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

  it.each([
    ['at-most-once', 2n ** 53n - 5n],
    ['at-least-once', 2n ** 48n - 5n],
    ['by position', 2n ** 53n - 5n],
    ['by position', 2n ** 128n - 300n],
  ] as const)('has offsets of up to 16 bytes, %s, from %i on', async (delivery, first) => {
    const dir = scratch()
    const took: string[] = []
    const group = memoryPartitions<Row>({ safe: false, offset: (at) => first + BigInt(at) })
    group.put('a', ...rows('a', 50))
    group.end()
    const definition = pipelineOf(delivery, (row) => took.push(idOf(row)))
    for (const limit of [20, 50, 50]) {
      const stream = await opened(definition, dir, {
        durability: delivery === 'at-most-once' ? 'memory' : 'process',
      })
      const abort = new AbortController()
      await stream.consume(group.member(), {
        signal: abort.signal,
        onProgress: ({ rows: read }) => read + took.length >= limit && abort.abort(),
      })
      await stream.drain()
      await stream.close()
    }
    expect(took.toSorted()).toEqual(all(50, 'a'))
  })

  it('goes on where the last opening has ended, and asks for nothing twice', async () => {
    const dir = scratch()
    const took: string[] = []
    // Nobody is told what is safe: the directory knows.
    const group = memoryPartitions<Row>({ safe: false })
    group.put('a', ...rows('a', 50))
    group.end()
    const definition = pipelineOf('exactly-once', (row) => took.push(idOf(row)))
    for (let life = 0; life < 2; life++) {
      const stream = await opened(definition, dir)
      await stream.consume(group.member())
      await stream.drain()
      await stream.close()
    }
    expect(took.toSorted()).toEqual(all(50, 'a'))
    expect(group.given).toBe(50)
  })

  it('is told safe when all before is committed, and not when it is stored', async () => {
    const gate = new Gate()
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 10))
    const stream = await opened(
      pipelineOf('at-least-once', ({ id }) => (id === 4 ? gate.opened : undefined)),
      scratch(),
    )
    const abort = new AbortController()
    const read = stream.consume(group.member(), { signal: abort.signal })
    await until(() => group.given === 10)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(group.safe.get('a')).toBeLessThan(5)
    gate.open()
    await until(() => group.safe.get('a') === 10)
    abort.abort()
    await read
    await stream.close()
  })

  it('is told safe of parked messages, and of dead letters', async () => {
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 10))
    group.end()
    let isDown = true
    const stream = await opened(
      pipelineOf(
        'exactly-once',
        ({ id }) => {
          if (isDown && id < 5) throw new Error('not yet')
        },
        { attempts: 1000 },
      ),
      scratch(),
    )
    await stream.consume(group.member())
    expect(group.safe.get('a')).toBe(10)
    isDown = false
    await stream.drain()
    expect(stream.counters()).toMatchObject({ processed: 10, parked: 0 })
    await stream.close()
  })

  it.each<[string, Partial<OpenOptions<Row>>]>([
    ['disk', { durability: 'disk' }],
    ['an interval', { durability: { interval: 1000 } }],
    ['disk, without a journal', { durability: 'disk', journal: false }],
  ])('is let go at the level that the stream has: %s', async (_, more) => {
    const took: string[] = []
    const group = memoryPartitions<Row>({ onSafe: onlyBehind(took) })
    group.put('a', ...rows('a', 40))
    const stream = await opened(
      pipelineOf('exactly-once', (row) => took.push(idOf(row)), { batch: 7 }),
      scratch(),
      { shards: 2, ...more },
    )
    const read = stream.consume(group.member())
    await until(() => group.given === 40)
    // Half-filled batches go on, and what waits for its sync is synced.
    await group.move('a', { withinMs: 20_000 })
    expect(group.safe.get('a')).toBe(40)
    expect(stream.counters().dropped).toBe(0)
    group.end()
    await read
    await stream.close()
    expect(took.toSorted()).toEqual(all(40, 'a'))
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

  it('with a handler that can not get on does not hold up a revocation that has a limit', async () => {
    const group = memoryPartitions<Row>({ batch: 1 })
    const took: string[] = []
    let isHanging = true
    let signal: AbortSignal | undefined
    const stream = await opened(
      pipelineOf('exactly-once', (row) => took.push(idOf(row)), {
        handle: ({ partition, id }, given) => {
          if (!isHanging || partition !== 'a' || id !== 3) return undefined
          signal = given
          return new Promise(() => {})
        },
      }),
      scratch(),
    )
    group.put('a', ...rows('a', 2000, 1))
    group.put('b', ...rows('b', 20))
    const read = stream.consume(group.member())
    await until(() => signal !== undefined)
    // The ring is full behind it, and so a batch waits for room.
    await new Promise((resolve) => setTimeout(resolve, 200))
    const from = performance.now()
    isHanging = false
    const moved = group.move('a', { withinMs: 50 })
    await until(() => signal?.aborted === true)
    expect(signal?.reason).toMatchObject({ code: 'SEMEL_GIVEN_UP' })
    await moved
    expect(performance.now() - from).toBeLessThan(3000)
    group.end()
    await read
    await stream.drain()
    expectBalanced(stream.counters())
    expect(stream.counters().dropped).toBeGreaterThan(0)
    await stream.close()
    expect(took.toSorted()).toEqual([...all(2000, 'a'), ...all(20, 'b')])
    expect(took.filter((one) => one.startsWith('a'))).toEqual(rows('a', 2000).map(idOf))
    expect(group.violations).toEqual([])
  })

  it('has a batch that can not get on given up, with its messages', async () => {
    const took: string[] = []
    let isHanging = true
    let signal: AbortSignal | undefined
    const definition = pipeline('batches')
      .accepts<Row>()
      .deliver('exactly-once', { id: idOf, window: '1h' })
      .batch(5, { within: '1ms' })
      .map((list: readonly Row[], context): Promise<readonly Row[]> | readonly Row[] => {
        if (!isHanging) return list
        signal = context.signal
        return new Promise(() => {})
      })
      .flatMap((list) => list)
      .to(forEach((row: Row) => void took.push(idOf(row)), { idempotent: true }))
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 20))
    const stream = await open<Row>(definition, {
      ...small,
      dir: scratch(),
      workers: 0,
      durability: 'process',
    })
    const read = stream.consume(group.member())
    await until(() => signal !== undefined)
    isHanging = false
    await group.move('a', { withinMs: 10 })
    expect(signal?.aborted).toBe(true)
    group.end()
    await read
    await stream.drain()
    expectBalanced(stream.counters())
    await stream.close()
    expect(took).toEqual(rows('a', 20).map(idOf))
  })

  it('is revoked behind the commit that is under way', async () => {
    const gate = new Gate()
    const took: string[] = []
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 10))
    const stream = await opened(
      pipelineOf('exactly-once', async (row) => {
        await gate.opened
        took.push(idOf(row))
      }),
      scratch(),
    )
    const read = stream.consume(group.member())
    await until(() => group.given === 10)
    await new Promise((resolve) => setTimeout(resolve, 50))
    let isMoved = false
    const moved = group.move('a', { withinMs: 20 }).then(() => (isMoved = true))
    await new Promise((resolve) => setTimeout(resolve, 200))
    // It has begun: what it writes counts.
    expect(isMoved).toBe(false)
    gate.open()
    await moved
    group.end()
    await read
    await stream.close()
    expect(took.toSorted()).toEqual(all(10, 'a'))
  })

  it('is not held up by a sink that is down: what is not written yet is given up', async () => {
    const took: string[] = []
    let isDown = true
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 10, 1))
    const stream = await opened(
      pipelineOf('exactly-once', (row) => {
        if (isDown && row.id >= 4) throw new Unavailable('the sink is down')
        took.push(idOf(row))
      }),
      scratch(),
    )
    const read = stream.consume(group.member())
    await until(() => took.length === 4)
    await group.move('a', { withinMs: 20 })
    // What was written of the commit that is under way stays with it.
    expect(took).toEqual(rows('a', 4).map(idOf))
    isDown = false
    group.end()
    await read
    await stream.drain()
    expectBalanced(stream.counters())
    await stream.close()
    expect(took).toEqual(rows('a', 10).map(idOf))
  })

  it('that is shared by two streams has each row once, wherever its partitions go', async () => {
    const took: string[] = []
    const group = memoryPartitions<Row>({ batch: 3, onSafe: onlyBehind(took) })
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const name of names) group.put(name, ...rows(name, 100))
    const streams = await Promise.all(
      [0, 1].map(() =>
        opened(
          pipelineOf('exactly-once', (row) => took.push(idOf(row))),
          scratch(),
          { shards: 2 },
        ),
      ),
    )
    const reads = streams.map((stream) => stream.consume(group.member()))
    for (let i = 0; i < 20; i++) {
      await group.move(names[i % names.length] as string)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    group.end()
    await Promise.all(reads)
    for (const stream of streams) {
      await stream.drain()
      expect(stream.counters().dropped).toBe(0)
      await stream.close()
    }
    expect(took.toSorted()).toEqual(all(100, ...names))
    expect(group.violations).toEqual([])
  })

  it('is read by two members in one stream, one partition at a time', async () => {
    const took: string[] = []
    const group = memoryPartitions<Row>({ batch: 2 })
    for (const name of ['a', 'b']) group.put(name, ...rows(name, 60, 1))
    const stream = await opened(
      pipelineOf('exactly-once', (row) => took.push(idOf(row))),
      scratch(),
    )
    const reads = [0, 1].map(() => stream.consume(group.member()))
    for (let i = 0; i < 20; i++) await group.move(i % 2 === 0 ? 'a' : 'b', { withinMs: i % 3 })
    group.end()
    await Promise.all(reads)
    await stream.drain()
    await stream.close()
    for (const name of ['a', 'b']) {
      expect(took.filter((one) => one.startsWith(name))).toEqual(rows(name, 60).map(idOf))
    }
  })

  it('gives up what it has lost, and reads it again when it comes back', async () => {
    const gate = new Gate()
    const took: string[] = []
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 40))
    let hangs = true
    const stream = await opened(
      pipelineOf('exactly-once', (row) => took.push(idOf(row)), {
        handle: () => (hangs ? gate.opened : undefined),
      }),
      scratch(),
      { shards: 2 },
    )
    const read = stream.consume(group.member())
    await until(() => group.given === 40)
    hangs = false
    await group.move('a', { lost: true })
    group.end()
    await read
    await stream.drain()
    await stream.close()
    gate.open()
    expect(took.toSorted()).toEqual(all(40, 'a'))
    expect(group.given).toBeGreaterThan(40)
  })

  it('whose message was given up does not take a copy of it along', async () => {
    const gate = new Gate()
    const took: string[] = []
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 3, 1))
    const stream = await opened(
      pipelineOf('exactly-once', (row) => took.push(idOf(row)), {
        handle: () => gate.opened,
      }),
      scratch(),
    )
    const abort = new AbortController()
    const read = stream.consume(group.member(), { signal: abort.signal })
    await until(() => group.given === 3)
    const copies = rows('a', 3, 1).map((row) => stream.send(row))
    await Promise.all(copies)
    await new Promise((resolve) => setTimeout(resolve, 20))
    // Nobody has it from now on.
    abort.abort()
    const lost = group.move('a', { lost: true })
    gate.open()
    await Promise.all([lost, read])
    await stream.drain()
    expectBalanced(stream.counters())
    await stream.close()
    expect(took).toEqual(rows('a', 3).map(idOf))
  })
})

/** A connection of one partition, whatever it gives. */
function giving(read: (context: ReplayableContext, from: Place) => AsyncIterable<unknown>): {
  source: ReplayableSource<Row>
  safe: Place[]
} {
  const safe: Place[] = []
  const source = {
    name: 'odd',
    kind: 'replayable' as const,
    connect: (context: ReplayableContext) => ({
      async *read() {
        const [from] = await context.assigned([{ partition: 'a' }])
        yield* read(context, from as Place)
      },
      safe: (places: readonly Place[]) => void safe.push(...places),
      close() {},
    }),
  }
  return { source: source as never, safe }
}

const rowAt = (offset: unknown): object => ({ message: { id: 1, partition: 'a', key: 1 }, offset })

describe('a replayable source that is odd', () => {
  it.each([
    ['offsets that go back', [rowAt(3), rowAt(2)], /offset 2 behind 3/],
    ['a bigint that goes back', [rowAt(3n), rowAt(2n)], /offset 2n behind 3,/],
    ['no rows', 7, /whose rows are 7/],
  ])('ends its reading: %s', async (_, given, message) => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const { source, safe } = giving(async function* () {
      yield { partition: 'a', rows: given, offset: 9 }
    })
    await expect(stream.consume(source)).rejects.toThrow(message)
    expect(safe).toEqual([])
    await stream.close()
  })

  it.each<[string, (context: ReplayableContext) => Promise<unknown>, RegExp]>([
    ['it has twice', ({ assigned }) => assigned([{ partition: 'a' }]), /assigned "a" twice/],
    ['without a name', ({ assigned }) => assigned([{} as never]), /where one is \{ partition \}/],
    [
      'at no offset',
      ({ assigned }) => assigned([{ partition: 'b', offset: -1 }]),
      /assigned "b" at -1/,
    ],
    ['as no list', ({ assigned }) => assigned('a' as never), /assigned "a", which is no list/],
    ['that go as no list', ({ revoked }) => revoked('a' as never), /revokes "a", which is no list/],
  ])('ends its reading: partitions %s', async (_, act, message) => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const { source } = giving(async function* (context) {
      void act(context)
      yield { partition: 'a', rows: [], offset: 0 }
      while (!context.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1))
    })
    await expect(stream.consume(source)).rejects.toThrow(message)
    await stream.close()
  })

  it('ends its reading: a partition that it was not assigned', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const { source } = giving(async function* () {
      yield { partition: 'b', rows: [], offset: 1 }
    })
    await expect(stream.consume(source)).rejects.toThrow(/"b", which is not among its partitions/)
    await stream.close()
  })

  it('has what comes of a partition behind its revocation left out', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const { source, safe } = giving(async function* (context) {
      yield { partition: 'a', rows: [rowAt(1)], offset: 1 }
      await context.revoked(['a'])
      yield { partition: 'a', rows: [rowAt(2)], offset: 2 }
      const [from] = await context.assigned([{ partition: 'a' }])
      yield { partition: 'a', rows: [rowAt((from?.offset as number) + 1)], offset: 2 }
    })
    expect(await stream.consume(source)).toEqual({ rows: 2, malformed: 0 })
    expect(safe.at(-1)).toEqual({ partition: 'a', offset: 2 })
    await stream.close()
  })

  it('whose place is gone ends its reading, and skips nothing', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 5))
    group.trim('a', 3)
    await expect(stream.consume(group.member())).rejects.toMatchObject({
      code: 'SEMEL_SOURCE_GONE',
    })
    expect(stream.counters().stored).toBe(0)
    await stream.close()
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

  it('is told from which place to read on: the larger of what is stored here and elsewhere', async () => {
    const dir = scratch()
    const places: unknown[] = []
    const at = (offset: number | undefined, rowsOf: readonly object[]): ReplayableSource<Row> =>
      ({
        name: 'placed',
        kind: 'replayable',
        connect: (context: ReplayableContext) => ({
          async *read() {
            const asked = { partition: 'a', ...(offset !== undefined && { offset }) }
            places.push(...(await context.assigned([asked])))
            if (rowsOf.length > 0) yield { partition: 'a', rows: rowsOf, offset: 12 }
          },
          close() {},
        }),
      }) as never
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      dir,
    )
    await stream.consume(at(10, [rowAt(12)]))
    await stream.consume(at(5, []))
    await stream.consume(at(undefined, []))
    await stream.drain()
    await stream.consume(at(20, []))
    await stream.close()
    expect(places).toEqual([10, 12, 12, 20].map((offset) => ({ partition: 'a', offset })))
  })

  it('has a partition of the same name and another identity read from its start', async () => {
    const dir = scratch()
    const places: unknown[] = []
    const known = (identity: object | undefined): ReplayableSource<Row> =>
      ({
        name: 'known',
        kind: 'replayable',
        connect: (context: ReplayableContext) => ({
          async *read() {
            const [from] = await context.assigned([
              { partition: 'a', ...(identity !== undefined && { identity }) },
            ])
            places.push(from?.offset)
            const offset = Number(from?.offset) + 5
            yield { partition: 'a', rows: [rowAt(offset)], offset }
          },
          close() {},
        }),
      }) as never
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      dir,
    )
    for (const identity of [undefined, { topic: 1 }, { topic: 2 }, { topic: 1 }, { topic: 2 }]) {
      await stream.consume(known(identity))
    }
    await stream.close()
    expect(places).toEqual([0, 5, 0, 10, 5])
  })
})
