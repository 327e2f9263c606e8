// What a source has given comes once, whatever is read when: a second time, in between others, side by
// side, behind a failure, with the stream open or opened again.
import * as fc from 'fast-check'
import {
  forEach,
  iterableSource,
  memory,
  pipeline,
  type Definition,
  type Delivery,
  type Source,
  type SourceBatch,
} from 'semel'
import { describe, expect, it, test } from 'vitest'
import { moves, type Move } from '../fixtures/moves.js'
import { definition as classed } from './classed.js'
import { opened, scratch, small } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 12)
const deliveries = ['at-most-once', 'at-least-once', 'exactly-once'] as const

interface Row {
  readonly n: number
}

/** Rows of partitions by name: an offset is how many there were. */
class Table {
  readonly rows = new Map<string, number[]>()

  append(name: string, rows: readonly number[]): void {
    this.rows.set(name, [...(this.rows.get(name) ?? []), ...rows])
  }

  get all(): number[] {
    return [...this.rows.values()].flat().toSorted((a, b) => a - b)
  }

  /** Reads some of the partitions; fails behind so many batches. */
  source(names: readonly string[], failsBehind = Infinity, batchRows = 3): Source<Row> {
    const { rows } = this
    return {
      name: 'table',
      resumable: true,
      partitions: names,
      async *read({ offsets, signal }) {
        let left = failsBehind
        for (const name of names) {
          const own = rows.get(name) ?? []
          for (let at = Number(offsets.get(name) ?? 0); at < own.length; at += batchRows) {
            if (signal.aborted) return
            if (left-- === 0) throw new Error('the table is gone')
            await new Promise(setImmediate)
            const batch = own.slice(at, at + batchRows).map((n, i) => ({
              message: { n },
              offset: at + i + 1,
            }))
            yield { partition: name, rows: batch, offset: at + batch.length }
          }
        }
      },
    }
  }
}

/** Streams of one directory, one after another, and all that has come out of them. */
function setUp(delivery: Delivery, shards = 1) {
  const sink = memory<Row>()
  const rows = pipeline('rows').accepts<Row>()
  const definition =
    delivery === 'exactly-once'
      ? rows.deliver(delivery, { id: ({ n }) => n, window: '1h' }).to(sink)
      : delivery === 'at-least-once'
        ? rows.deliver(delivery).to(sink)
        : rows.deliver(delivery).to(sink)
  const dir = scratch()
  const open = () =>
    opened<Row>(definition as Definition<Row>, {
      dir,
      workers: 0,
      shards,
      ...(delivery === 'at-most-once' ? {} : { durability: 'process' as const }),
      ...small,
    })
  return { open, took: () => sink.outputs.map(({ n }) => n).toSorted((a, b) => a - b) }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i)

it('goes on in the middle of a batch for whose rows there was no room at its signal', async () => {
  let letGo!: () => void
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const took: number[] = []
  const definition = pipeline('rows')
    .accepts<Row>()
    .deliver('at-least-once')
    .tap(() => held)
    .to(forEach(({ n }: Row) => void took.push(n)))
  const stream = await opened<Row>(definition, { dir: scratch(), workers: 0, ...small })
  const table = new Table()
  table.append('a', range(0, 5000))
  const abort = new AbortController()
  const read = stream.consume(table.source(['a'], Infinity, 5000), { signal: abort.signal })
  await new Promise((resolve) => setTimeout(resolve, 200))
  abort.abort()
  expect((await read).rows).toBeLessThan(5000)
  letGo()
  await stream.consume(table.source(['a']))
  await stream.drain()
  expect(took).toEqual(table.all)
})

describe.each(deliveries)('%s', (delivery) => {
  it.each([
    ['a', 'b', 'a'],
    ['constructor', '__proto__', 'toString', 'constructor'],
  ])('reads %s, … with one directory, and each row once', async (...names) => {
    const { open, took } = setUp(delivery)
    const table = new Table()
    for (const [i, name] of [...new Set(names)].entries())
      table.append(name, range(i * 10, i * 10 + 7))
    for (const name of names) {
      const stream = await open()
      await stream.consume(table.source([name]))
      await stream.drain()
      await stream.close()
    }
    expect(took()).toEqual(table.all)
  })

  it('goes on in an open stream where the last reading has ended', async () => {
    const { open, took } = setUp(delivery, 2)
    const table = new Table()
    table.append('a', range(0, 10))
    const stream = await open()
    await expect(stream.consume(table.source(['a']))).resolves.toEqual({ rows: 10, malformed: 0 })
    await expect(stream.consume(table.source(['a']))).resolves.toEqual({ rows: 0, malformed: 0 })
    table.append('a', range(10, 15))
    await expect(stream.consume(table.source(['a']))).resolves.toEqual({ rows: 5, malformed: 0 })
    await stream.drain()
    expect(took()).toEqual(table.all)
    expect(stream.counters()).toMatchObject({ stored: 15, duplicate: 0 })
  })

  it('goes on behind a source that failed, and behind a reading that was aborted', async () => {
    const { open, took } = setUp(delivery, 2)
    const table = new Table()
    table.append('a', range(0, 30))
    const stream = await open()
    await expect(stream.consume(table.source(['a'], 3))).rejects.toThrow('the table is gone')
    const abort = new AbortController()
    const onProgress = (): void => abort.abort()
    await stream.consume(table.source(['a']), { signal: abort.signal, onProgress })
    await stream.consume(table.source(['a']))
    await stream.drain()
    expect(took()).toEqual(table.all)
  })

  it('lets readings of one partition take turns, and others go beside them', async () => {
    const { open, took } = setUp(delivery)
    const table = new Table()
    table.append('a', range(0, 300))
    table.append('b', range(300, 400))
    const stream = await open()
    const all = await Promise.all([
      stream.consume(table.source(['a'])),
      stream.consume(table.source(['a', 'b'])),
      stream.consume(table.source(['b'])),
    ])
    await stream.drain()
    expect(all.reduce((sum, { rows }) => sum + rows, 0)).toBe(400)
    expect(took()).toEqual(table.all)
  })

  it('ends a wait for its turn when the signal is given', async () => {
    const { open } = setUp(delivery)
    const silent: Source<Row> = {
      name: 'silent',
      resumable: true,
      partitions: ['a'],
      async *read({ signal }) {
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve)
        })
        yield* []
      },
    }
    const stream = await open()
    const [first, second] = [new AbortController(), new AbortController()]
    const reading = stream.consume(silent, { signal: first.signal })
    const waiting = stream.consume(silent, { signal: second.signal })
    second.abort()
    await expect(waiting).resolves.toEqual({ rows: 0, malformed: 0 })
    first.abort()
    await reading
  })

  it('takes what another iterable of the same name gives for what it is: new', async () => {
    const { open, took } = setUp(delivery)
    const stream = await open()
    await stream.consume(iterableSource(range(0, 5).map((n) => ({ n }))))
    await Promise.all([
      stream.consume(iterableSource(range(5, 10).map((n) => ({ n })))),
      stream.consume(iterableSource(range(10, 15).map((n) => ({ n })))),
    ])
    await stream.close()
    const again = await open()
    await again.consume(iterableSource(range(15, 20).map((n) => ({ n }))))
    await again.drain()
    expect(took()).toEqual(range(0, 20))
  })

  test('whatever is read when, each row comes once', async () => {
    const names = ['a', 'b', '__proto__']
    const event = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), of: fc.nat(2), count: fc.nat(8) }),
      fc.record({
        kind: fc.constant('read' as const),
        of: fc.subarray(names, { minLength: 1 }),
        failsBehind: fc.oneof(fc.nat(4), fc.constant(Infinity)),
      }),
      fc.record({
        kind: fc.constant('both' as const),
        of: fc.tuple(fc.subarray(names, { minLength: 1 }), fc.subarray(names, { minLength: 1 })),
      }),
      fc.record({ kind: fc.constant('reopen' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        async (events, shards) => {
          const { open, took } = setUp(delivery, shards)
          const table = new Table()
          let next = 0
          let stream = await open()
          const read = (of: readonly string[], failsBehind?: number) =>
            stream.consume(table.source(of, failsBehind)).catch((error: Error) => {
              expect(error.message).toBe('the table is gone')
            })
          for (const one of events) {
            if (one.kind === 'append') {
              table.append(names[one.of] as string, range(next, (next += one.count)))
            } else if (one.kind === 'read') await read(one.of, one.failsBehind)
            else if (one.kind === 'both') await Promise.all(one.of.map((of) => read(of)))
            else {
              await stream.close()
              stream = await open()
            }
          }
          await read(names)
          await stream.drain()
          expect(took()).toEqual(table.all)
          await stream.close()
        },
      ),
      { numRuns },
    )
  }, 120_000)
})

const row = (offset: unknown): object => ({ message: { n: 1 }, offset })

/** A source of these batches, whatever they are. */
const giving = (...batches: object[]): Source<Row> => ({
  name: 'broken',
  resumable: true,
  partitions: ['a'],
  async *read() {
    yield* batches.map((one) => ({ partition: 'a', ...one }) as SourceBatch<Row>)
  },
})

describe('a source that breaks its contract is stopped before anything of the batch is stored', () => {
  it.each<[string, object, RegExp]>([
    ['an offset that goes back', { rows: [row(5), row(4)], offset: 5 }, /offset 4 behind 5/],
    ['an offset given twice', { rows: [row(5), row(5)], offset: 5 }, /offset 5 behind 5/],
    ['the offset that it began at', { rows: [row(2)], offset: 3 }, /offset 2 behind 2/],
    ['a fraction', { rows: [row(3.5)], offset: 4 }, /offset 3\.5 behind 2/],
    ['a negative offset', { rows: [row(-3)], offset: 4 }, /offset -3 behind 2/],
    ['NaN', { rows: [row(Number.NaN)], offset: 4 }, /offset NaN behind 2/],
    ['2^53', { rows: [row(2 ** 53)], offset: 2 ** 53 }, /offset 9007199254740992 behind 2/],
    ['a negative bigint', { rows: [row(-3n)], offset: 3 }, /offset -3n behind 2/],
    ['a bigint that goes back', { rows: [row(2n)], offset: 3 }, /offset 2n behind 2/],
    ['2^128', { rows: [row(2n ** 128n)], offset: 2n ** 128n }, /offset 3\d+n behind 2/],
    ['a row without an offset', { rows: [{ message: 1 }], offset: 3 }, /offset undefined behind 2/],
    [
      'a batch that ends before its last row',
      { rows: [row(9)], offset: 8 },
      /ends at the offset 8/,
    ],
    ['a batch without an offset', { rows: [row(9)] }, /ends at the offset undefined/],
    ['a batch without rows', { offset: 9 }, /whose rows are undefined/],
    ['a row that is neither', { rows: [row(3), { offset: 4 }], offset: 4 }, /as row 1 of a batch/],
    ['no row', { rows: [null], offset: 4 }, /gave null as row 0/],
    ['a size that is none', { rows: [], offset: 4, size: -1 }, /gave the size -1/],
    [
      'a partition that it did not announce',
      { partition: 'c', rows: [], offset: 4 },
      /"c", which is not/,
    ],
  ])('%s', async (_, batch, message) => {
    const { open, took } = setUp('at-least-once')
    const stream = await open()
    const good = [1, 2].map((offset) => ({ message: { n: offset }, offset }))
    await expect(stream.consume(giving({ rows: good, offset: 2 }, batch))).rejects.toMatchObject({
      code: 'SEMEL_SOURCE',
      message: expect.stringMatching(message),
    })
    await stream.consume(giving({ rows: [{ message: { n: 3 }, offset: 3 }], offset: 3 }))
    await stream.drain()
    expect(took()).toEqual([1, 2, 3])
  })

  it('what is thrown that is no error, too, and goes on from there', async () => {
    const { open } = setUp('at-least-once')
    const source: Source<Row> = {
      name: 'odd',
      resumable: true,
      partitions: ['a'],
      // oxlint-disable-next-line require-yield
      async *read() {
        throw null
      },
    }
    await expect((await open()).consume(source)).rejects.toMatchObject({ code: 'SEMEL_SOURCE' })
  })
})

describe('messages that choose their delivery', () => {
  it.each([1, 2])('come once, each in its class (%i shards)', async (shards) => {
    const sink = memory<Move>()
    const dir = scratch()
    const open = () =>
      opened<Move>(classed(sink), { dir, workers: 0, shards, durability: 'process', ...small })
    const sent = moves(0, 90)
    const source = (upTo: number, failsBehind = Infinity): Source<Move> => ({
      name: 'moves',
      resumable: true,
      partitions: ['m'],
      async *read({ offsets }) {
        let left = failsBehind
        for (let at = Number(offsets.get('m') ?? 0); at < upTo; at += 10) {
          if (left-- === 0) throw new Error('the moves are gone')
          const rows = sent
            .slice(at, Math.min(at + 10, upTo))
            .map((message, i) => ({ message, offset: at + i + 1 }))
          yield { partition: 'm', rows, offset: at + rows.length }
        }
      },
    })
    const stream = await open()
    await stream.consume(source(25))
    await expect(stream.consume(source(60, 2))).rejects.toThrow('the moves are gone')
    await Promise.all([stream.consume(source(60)), stream.consume(source(60))])
    await stream.drain()
    await stream.close()
    const again = await open()
    await again.consume(source(60))
    await again.consume(source(90))
    await again.drain()
    expect(again.counters()).toMatchObject({ duplicate: 0 })
    expect(sink.outputs.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(
      sent.map(({ id }) => id),
    )
  })
})

describe('a row that can not be taken ends as a dead letter, and the others go on', () => {
  it.each<[string, () => unknown]>([
    ['an error', () => new TypeError('no id')],
    ['null', () => null],
    ['a symbol', () => Symbol('odd')],
    ['an object without a prototype', () => Object.create(null)],
    [
      'an error whose message throws',
      () =>
        Object.defineProperty(new Error('x'), 'message', {
          get() {
            throw new Error('nested')
          },
        }),
    ],
  ])('whose id throws %s', async (_, thrown) => {
    const sink = memory<{ n: number }>()
    const definition = pipeline('rows')
      .accepts<{ n: number }>()
      .deliver('exactly-once', {
        id: ({ n }) => {
          if (n % 2 === 1) throw thrown()
          return n
        },
        window: '1h',
      })
      .to(sink)
    const stream = await opened<Row>(definition, {
      dir: scratch(),
      workers: 0,
      durability: 'process',
      ...small,
    })
    const table = new Table()
    table.append('a', range(0, 6))
    await expect(stream.consume(table.source(['a']))).resolves.toEqual({ rows: 6, malformed: 3 })
    await stream.drain()
    expect(sink.outputs).toEqual([{ n: 0 }, { n: 2 }, { n: 4 }])
    expect(stream.counters()).toMatchObject({ deadLettered: 3 })
  })

  it('whose text is larger than the stream takes, and those that say nothing of themselves', async () => {
    const { open } = setUp('at-least-once')
    const malformed = [
      { text: 'x'.repeat(1_000_000), line: 1, reason: 'large' },
      { text: '€'.repeat(65_536), line: 2, reason: 'y'.repeat(1_000_000) },
      {},
      null,
      { text: 1, line: 'two', reason: Symbol('three') },
    ]
    const source: Source<Row> = {
      name: 'malformed',
      resumable: true,
      partitions: ['a'],
      async *read() {
        const rows = malformed.map((one, i) => ({ malformed: one, offset: i + 1 }))
        yield { partition: 'a', rows, offset: rows.length } as SourceBatch<Row>
      },
    }
    const stream = await open()
    await expect(stream.consume(source)).resolves.toEqual({ rows: 5, malformed: 5 })
    await stream.drain()
    expect(stream.counters()).toMatchObject({ stored: 5, deadLettered: 5 })
  })

  it('of one iterable and of the next, at the same place in both', async () => {
    const { open } = setUp('exactly-once')
    const stream = await open()
    for (let i = 0; i < 2; i++) await stream.consume(iterableSource([{ n: i }, null as never]))
    await stream.drain()
    expect(stream.counters()).toMatchObject({ processed: 2, deadLettered: 2, duplicate: 0 })
  })
})
