import * as fc from 'fast-check'
import { memoryPartitions, type MoveOptions, type PartitionsFault } from 'semel/testing'
import type { Offset, Stream } from 'semel'
import { describe, expect, it } from 'vitest'
import { expectBalanced, scratch } from '../runtime/verbs.js'
import { counted, idOf, opened, pipelineOf, rows, type Delivery, type Row } from './replayable.js'

const runs = Number(process.env['SEMEL_RUNS'] ?? 25)
const lifeMsMax = 30_000
const timeoutMs = Math.max(600_000, runs * 1000)

const move = fc.record(
  {
    partition: fc.nat(),
    behindRows: fc.nat({ max: 40 }),
    withinMs: fc.nat({ max: 5 }),
    lost: fc.boolean(),
  },
  { requiredKeys: ['partition', 'behindRows'] },
)

/** What happens to a group whose members are streams, and to these. */
const life = fc.record({
  delivery: fc.constantFrom<Delivery>('at-least-once', 'exactly-once', 'by position'),
  journal: fc.boolean(),
  // Offsets of 16 bytes, as some logs have.
  areWide: fc.boolean(),
  partitions: fc.integer({ min: 1, max: 4 }),
  count: fc.integer({ min: 1, max: 60 }),
  keys: fc.integer({ min: 1, max: 4 }),
  batch: fc.integer({ min: 1, max: 20 }),
  shards: fc.integer({ min: 1, max: 3 }),
  streams: fc.integer({ min: 1, max: 2 }),
  // Of one stream.
  members: fc.integer({ min: 1, max: 2 }),
  moves: fc.array(move, { maxLength: 6 }),
  faults: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant<PartitionsFault>(undefined) },
      { weight: 1, arbitrary: fc.constantFrom<PartitionsFault>('before', 'after') },
    ),
    { maxLength: 40 },
  ),
  /** How long handlers take, in turn; -1: until the attempt is over. */
  handles: fc.array(fc.constantFrom(0, 0, 0, 1, 3, -1), { maxLength: 20 }),
  fails: fc.boolean(),
  operatorBatch: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  /** A stream is closed behind so many rows, and opened again. */
  closes: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 2 }),
})

type Life = typeof life extends fc.Arbitrary<infer T> ? T : never

async function live(drawn: Life): Promise<void> {
  const { delivery, count, keys, handles } = drawn
  const names = Array.from({ length: drawn.partitions }, (_, i) => `p${i}`)
  const took: string[] = []
  let call = 0
  let handled = 0
  const failed = new Set<string>()
  const first = drawn.areWide ? 2n ** 70n : 0n
  const group = memoryPartitions<Row>({
    batch: drawn.batch,
    offset: (index) => first + BigInt(index + 1),
    fault: () => drawn.faults[call++],
    onSafe({ partition, offset }) {
      // Where one is parked, so are those behind it of its key: they are this stream's, and come later.
      if (drawn.fails) return
      const missing = rows(partition, countAt(offset)).find((row) => !took.includes(idOf(row)))
      if (missing !== undefined) throw new Error(`${offset} is safe without ${idOf(missing)}`)
    },
  })
  /** How many rows are before it. */
  const countAt = (offset: Offset): number => Math.max(0, Number(BigInt(offset) - first))
  const definition = pipelineOf(
    delivery,
    (row) => {
      if (drawn.fails && row.id % 7 === 0 && !failed.has(idOf(row))) {
        failed.add(idOf(row))
        throw new Error('the first time')
      }
      took.push(idOf(row))
    },
    {
      attempts: 3,
      ...(drawn.operatorBatch !== undefined && { batch: drawn.operatorBatch }),
      handle: (_, signal) => {
        const takesMs = handles[handled++] ?? 0
        if (takesMs === 0) return undefined
        return new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
          if (takesMs > 0) setTimeout(resolve, takesMs)
          // One that nobody ends: the move that gives it up, or this.
          else setTimeout(resolve, 60)
        })
      },
    },
  )
  for (const name of names) group.put(name, ...rows(name, count, keys))
  const dirs = Array.from({ length: drawn.streams }, () => scratch())
  const memberSources = dirs.map(() => Array.from({ length: drawn.members }, () => group.member()))
  const openAgain = (at: number): Promise<Stream<Row>> =>
    opened(definition, dirs[at] as string, { shards: drawn.shards, journal: drawn.journal })
  const streams = await Promise.all(dirs.map((_, at) => openAgain(at)))
  const reading = (at: number): Promise<unknown> =>
    Promise.all(
      (memberSources[at] as (typeof memberSources)[0]).map((source) =>
        (streams[at] as Stream<Row>).consume(source),
      ),
    ).catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'SEMEL_CLOSED') throw error
    })
  const reads = dirs.map((_, at) => reading(at))
  // Where rows are given up, or a stream is gone, others of them may have had their effect.
  // So may those of an operator batch of which the sink has refused one.
  let isLoose = drawn.fails && drawn.operatorBatch !== undefined
  for (const { partition, behindRows, ...options } of drawn.moves) {
    await reached(() => took.length >= behindRows)
    if (options.lost === true || options.withinMs !== undefined) isLoose ||= drawn.streams > 1
    await group.move(names[partition % names.length] as string, options as MoveOptions)
  }
  for (const limit of drawn.closes) {
    await reached(() => took.length >= limit)
    const at = limit % dirs.length
    isLoose = true
    await streams[at]?.close({ timeout: 0 })
    await reads[at]
    streams[at] = await openAgain(at)
    reads[at] = reading(at)
  }
  if (drawn.faults.some((fault) => fault !== undefined)) isLoose ||= drawn.streams > 1
  group.end()
  await Promise.all(reads)
  for (const stream of streams) {
    await stream.drain()
    expectBalanced(stream.counters())
    await stream.close()
  }
  expect(group.violations).toEqual([])
  const times = counted(took)
  const wrong = names
    .flatMap((name) => rows(name, count))
    .map(idOf)
    .filter((id) => (isLoose ? (times.get(id) ?? 0) === 0 : times.get(id) !== 1))
  expect(wrong).toEqual([])
  if (isLoose) return
  for (const name of names) {
    for (let key = 0; key < keys; key++) {
      const own = rows(name, count, keys).filter((row) => row.key === key)
      const ids = new Set(own.map(idOf))
      expect(took.filter((one) => ids.has(one))).toEqual(own.map(idOf))
    }
  }
}

/** Or never: nothing more may come. */
async function reached(isSo: () => boolean): Promise<void> {
  for (let wait = 0; wait < 60 && !isSo(); wait++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

describe('partitions that come and go, whatever fails on the way', () => {
  it('have each row once, in the order of its key', { timeout: timeoutMs }, async () => {
    // Where one hangs, each that is tried in its place would take as long, and no seed would be told.
    const options = { numRuns: runs, timeout: lifeMsMax, endOnFailure: true }
    await fc.assert(fc.asyncProperty(life, live), options)
  })
})
