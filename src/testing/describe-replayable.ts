import { SemelError } from '../core/errors.js'
import { asOffset, type Offset } from '../core/offset.js'
import type {
  AssignedPartition,
  Place,
  ReplayableConnection,
  ReplayableContext,
  ReplayableSource,
} from '../core/replayable-source.js'
import type { SourceBatch, SourceRow } from '../core/source.js'
import { sleep } from '../core/waiting/timers.js'
import { untilEnded } from '../core/waiting/until-ended.js'
import { FixtureOfEach } from './fixture-of-each.js'
import { testUnless, type Runner, type Skip } from './runner.js'

/** Partitions with rows that are known. */
export interface ReplayableFixture {
  /** Another member of the group at each call, where there are groups. */
  source(): ReplayableSource<unknown>
  /** By partition, in order. */
  readonly messages: ReadonlyMap<string, readonly unknown[]>
  /** Deletes the rows of a partition before this index, as its retention would. */
  trim?(partition: string, index: number): Promise<void> | void
  dispose?(): Promise<void> | void
}

/** A replayable source as the suite takes it. */
export interface ReplayableUnderTest {
  readonly name: string
  /** At least two partitions of at least five rows each; one that ends, or not. */
  create(): Promise<ReplayableFixture> | ReplayableFixture
  /** Why it does not remember what was told safe. */
  readonly safe: true | Skip
  /** Why partitions do not move to a second member. */
  readonly groups: true | Skip
  /** Why its rows are never deleted. */
  readonly trims: true | Skip
}

/** How long what the suite waits for may take. */
const waitMs = 10_000

/**
 * The suite that every replayable source passes.
 * @param runner of tests, such as `import * as vitest from 'vitest'`
 * @example
 * describeReplayableSource(vitest, { name: 'log', create, safe: true, groups: true, trims: true })
 */
export function describeReplayableSource(runner: Runner, under: ReplayableUnderTest): void {
  const { describe, test, expect } = runner
  describe(`replayable source ${under.name}`, () => {
    const fixture = new FixtureOfEach(runner, () => under.create())

    async function join(places: ReadonlyMap<string, Offset> = new Map()): Promise<Member> {
      const member = fixture.opened(new Member(fixture.current.source(), places))
      await member.connect()
      return member
    }

    const count = (): number => [...fixture.current.messages.values()].flat().length

    test('gives each row once, in order, with offsets that grow', async () => {
      const member = await join()
      await member.reads(() => member.rows >= count())
      for (const [name, messages] of fixture.current.messages) {
        expect(member.of(name).map(messageOf)).toEqual(messages)
      }
      for (const { rows, offset } of member.batches) {
        let last: Offset = 0
        for (const row of rows) {
          expect(asOffset(row.offset) === undefined).toBe(false)
          expect(row.offset > last).toBe(true)
          last = row.offset
        }
        expect(offset >= last).toBe(true)
      }
    })

    test('goes on exactly behind every place that it is told', async () => {
      const whole = await join()
      await whole.reads(() => whole.rows >= count())
      await whole.close()
      const [name = '', messages = []] = [...fixture.current.messages][0] ?? []
      const rows = whole.of(name)
      for (const at of [0, 1, rows.length - 2]) {
        const member = await join(new Map([[name, (rows[at] as SourceRow<unknown>).offset]]))
        await member.reads(() => member.of(name).length >= messages.length - at - 1)
        expect(member.of(name)).toEqual(rows.slice(at + 1))
        await member.close()
      }
    })

    test('ends its reading soon after the signal', async () => {
      const member = await join()
      await member.reads(() => member.rows >= count())
      member.abort()
      expect(await Promise.race([member.over, sleep(2000).then(() => 'late')])).toBe('over')
    })

    testUnless(runner, under.safe, 'remembers what is safe, and begins there', async () => {
      const member = await join()
      await member.reads(() => member.rows >= count())
      const places = [...fixture.current.messages.keys()].map((partition, i) => ({
        partition,
        offset: (member.of(partition)[i] as SourceRow<unknown>).offset,
      }))
      await member.connection.safe?.(places)
      await member.close()
      const next = await join()
      await next.reads(() => next.rows >= count() - (places.length * (places.length + 1)) / 2)
      for (const [i, { partition, offset }] of places.entries()) {
        expect(next.told.get(partition)).toBe(asOffset(offset))
        expect(next.of(partition)).toEqual(member.of(partition).slice(i + 1))
      }
    })

    testUnless(runner, under.groups, 'gives each partition to one member at a time', async () => {
      const first = await join()
      await first.reads(() => first.assigned.size === fixture.current.messages.size)
      const second = await join()
      await Promise.all([
        first.reads(() => first.assigned.size < fixture.current.messages.size),
        second.reads(() => second.assigned.size > 0),
      ])
      for (const name of second.assigned) expect(first.assigned.has(name)).toBe(false)
      const strays = first.batches.slice(first.batchesAtRevocation)
      for (const { partition } of strays) expect(second.assigned.has(partition)).toBe(false)
    })

    testUnless(runner, under.trims, 'says so where a place is gone', async () => {
      const [name = ''] = fixture.current.messages.keys()
      await fixture.current.trim?.(name, 3)
      const member = await join()
      await member.reads(() => member.error !== undefined)
      expect(member.error).toBeInstanceOf(SemelError)
      const { code, retriable } = member.error as SemelError
      expect([code, retriable]).toEqual(['SEMEL_SOURCE_GONE', false])
      expect(member.of(name)).toEqual([])
    })
  })
}

/** A connection that is read as a stream reads it, and does nothing with what it gets. */
class Member {
  readonly assigned = new Set<string>()
  /** By partition: up to where the source knows that it is safe. */
  readonly told = new Map<string, Offset | undefined>()
  readonly batches: SourceBatch<unknown>[] = []
  /** How many had come when a partition was revoked last. */
  batchesAtRevocation = 0
  error: unknown
  connection!: ReplayableConnection<unknown>
  over: Promise<'over'> = Promise.resolve('over')
  readonly #source: ReplayableSource<unknown>
  readonly #places: ReadonlyMap<string, Offset>
  readonly #abort = new AbortController()
  #isClosed = false

  constructor(source: ReplayableSource<unknown>, places: ReadonlyMap<string, Offset>) {
    this.#source = source
    this.#places = places
  }

  async connect(): Promise<void> {
    const context: ReplayableContext = {
      signal: this.#abort.signal,
      notice: () => {},
      assigned: async (partitions) => partitions.map((one) => this.#assign(one)),
      revoked: async (partitions) => {
        for (const name of partitions) this.assigned.delete(name)
        // What was on its way is left out.
        await sleep(1)
        this.batchesAtRevocation = this.batches.length
      },
    }
    this.connection = await this.#source.connect(context)
    this.over = this.#read()
  }

  get rows(): number {
    return this.batches.reduce((sum, { rows }) => sum + rows.length, 0)
  }

  of(partition: string): SourceRow<unknown>[] {
    return this.batches.filter((batch) => batch.partition === partition).flatMap(({ rows }) => rows)
  }

  /** Waits until it has read so far. */
  async reads(isSo: () => boolean): Promise<void> {
    for (let waitedMs = 0; !isSo(); waitedMs += 5) {
      if (this.error !== undefined) throw this.error
      if (waitedMs > waitMs) throw new Error(`${this.#source.name} has given ${this.rows} rows`)
      await sleep(5)
    }
  }

  abort(): void {
    this.#abort.abort()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.abort()
    await this.over
    await this.connection.close()
  }

  #assign({ partition, offset }: AssignedPartition): Place {
    this.assigned.add(partition)
    this.told.set(partition, asOffset(offset))
    return { partition, offset: this.#places.get(partition) ?? offset ?? 0 }
  }

  async #read(): Promise<'over'> {
    try {
      const batches = this.connection.read()
      for await (const batch of untilEnded(batches, this.#abort.signal, waitMs)) {
        this.batches.push(batch)
      }
    } catch (error) {
      this.error = error
    }
    return 'over'
  }
}

function messageOf(row: SourceRow<unknown>): unknown {
  return 'message' in row ? row.message : row.malformed
}
