import { Unavailable, forEach, open, pipeline, type OpenOptions } from 'semel'
import { memoryPartitions } from 'semel/testing'
import { describe, expect, it } from 'vitest'
import { expectBalanced, scratch, small, until } from '../runtime/verbs.js'
import {
  all,
  Gate,
  idOf,
  onlyBehind,
  opened,
  pipelineOf,
  rowAt,
  rows,
  type Row,
} from './replayable.js'

describe('a replayable source whose partitions are revoked', () => {
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

  it('lets go of one whose stream is closed while it is told what is safe', async () => {
    const stream = await opened(
      pipelineOf('exactly-once', () => {}),
      scratch(),
      { journal: false },
    )
    let letGo: Promise<string> | undefined
    const reading = stream.consume({
      name: 'closing',
      kind: 'replayable',
      connect: ({ assigned, revoked }) => ({
        async *read() {
          await assigned([{ partition: 'a' }])
          yield { partition: 'a', rows: [rowAt(1) as never], offset: 1 }
          letGo = revoked(['a']).then(() => 'gone', String)
          await letGo
        },
        safe: () => stream.close({ timeout: 0 }),
        close() {},
      }),
    })
    await expect(reading).rejects.toMatchObject({ code: 'SEMEL_CLOSED' })
    expect(await letGo).toBe('gone')
  })

  it('lets go of one behind a call of safe that threw at once', async () => {
    const stream = await opened(
      pipelineOf('exactly-once', () => {}),
      scratch(),
    )
    let calls = 0
    const letGo: string[] = []
    await stream.consume({
      name: 'throwing',
      kind: 'replayable',
      connect: ({ assigned, revoked }) => ({
        async *read() {
          const [from] = await assigned([{ partition: 'a' }])
          if (from?.offset === 0) yield { partition: 'a', rows: [rowAt(1) as never], offset: 1 }
          await until(() => calls > 0)
          letGo.push(await revoked(['a']).then(() => 'gone', String))
        },
        safe() {
          if (++calls === 1) throw new Error('the connection is lost')
        },
        close() {},
      }),
    })
    expect(letGo).toEqual(['gone', 'gone'])
    await stream.close()
  })
})
