import type { Offset } from '../../core/offset.js'
import type { ShardEnds } from './consumption.js'
import type { Target } from './row-taker.js'

/** What was taken of a partition between two looks. */
interface Stretch {
  /** Behind its last row. */
  offset: Offset
  /** By shard: the sequence with which it has ended there; 0 until that is known. */
  readonly lasts: Map<number, number>
  /** By destination: the staging row behind its last one; undefined once all are in the core. */
  rows: number[] | undefined
}

/** So many stretches are kept apart; more only make the steps coarser. */
const stretchesMax = 64

/**
 * The shards that a source's rows go to, numbered through: those of each destination whose messages are
 * acknowledged after they are processed. At most once nothing is waited for.
 */
export class AllShards {
  readonly #targets: readonly Target[]
  readonly #first: readonly (number | undefined)[]
  readonly count: number

  constructor(targets: readonly Target[]) {
    this.#targets = targets
    let count = 0
    this.#first = targets.map(({ settings }) => {
      if (settings.delivery === 'at-most-once') return undefined
      const first = count
      count += settings.shards
      return first
    })
    this.count = count
  }

  /** Undefined at most once. */
  of(destination: number, shard: number): number | undefined {
    const first = this.#first[destination]
    return first === undefined ? undefined : first + shard
  }

  /** Of each; undefined where a stream is over. */
  ends(): readonly ShardEnds[] | undefined {
    const found: ShardEnds[] = []
    for (const [i, { settings, ends }] of this.#targets.entries()) {
      if (this.#first[i] === undefined) continue
      for (let shard = 0; shard < settings.shards; shard++) {
        const one = ends(shard)
        if (one === undefined) return undefined
        found.push(one)
      }
    }
    return found
  }

  /** By destination: the row that comes next into its staging. */
  rows(): number[] {
    return this.#targets.map(({ ingest }) => ingest.rows.next)
  }

  /** Whether the core has all of these rows. */
  haveLeft(rows: readonly number[]): boolean {
    return this.#targets.every(({ ingest }, i) => ingest.rows.waiting >= (rows[i] as number))
  }
}

/**
 * Up to where a partition is confirmed: every shard has committed all of its messages up to there, as
 * durably as the level says. What has no end of its own yet (parked, a dead letter) is in a block too.
 *
 * For each stretch of what was taken, it notes the last sequence of each shard that it touched; so a
 * shard that stands still holds up only what went to it. A sequence that is read late is a later one,
 * and never too early.
 */
export class ConfirmedOffset {
  readonly #shards: AllShards
  #stretches: Stretch[] = []
  /** Touched since the last one, up to where nothing has been noted. */
  #touched = new Set<number>()
  /** Undefined: nothing of it is known to be. */
  offset: Offset | undefined

  /** @param from where reading begins: confirmed with all that is under way now, whoever sent it */
  constructor(shards: AllShards, from: Offset) {
    this.#shards = shards
    for (let index = 0; index < shards.count; index++) this.#touched.add(index)
    this.passed(from)
    this.note()
  }

  /** Whether all that was taken is confirmed. */
  get isAll(): boolean {
    return this.#stretches.length === 0
  }

  touched(destination: number, shard: number): void {
    const index = this.#shards.of(destination, shard)
    if (index !== undefined) this.#touched.add(index)
  }

  /** All up to this offset has been taken. */
  passed(offset: Offset): void {
    const lasts = new Map([...this.#touched].map((index) => [index, 0]))
    this.#touched = new Set()
    const rows = this.#shards.rows()
    const last = this.#stretches.at(-1)
    if (last?.rows !== undefined && this.#stretches.length >= stretchesMax) {
      for (const index of lasts.keys()) last.lasts.set(index, 0)
      last.offset = offset
      last.rows = rows
      return
    }
    this.#stretches.push({ offset, lasts, rows })
  }

  /** Notes where the shards stand: the sooner, the fewer messages of others it waits for. */
  note(): void {
    const ends = this.#shards.ends()
    if (ends !== undefined) this.#note(ends)
  }

  /** The same, and goes on as far as they have ended. */
  look(ends: readonly ShardEnds[]): void {
    this.#note(ends)
    let done = 0
    for (const { offset, lasts, rows } of this.#stretches) {
      if (rows !== undefined) break
      if (![...lasts].every(([index, last]) => (ends[index] as ShardEnds).ended >= last)) break
      this.offset = offset
      done += 1
    }
    this.#stretches.splice(0, done)
    this.#merge()
  }

  #note(ends: readonly ShardEnds[]): void {
    for (const stretch of this.#stretches) {
      if (stretch.rows === undefined) continue
      if (!this.#shards.haveLeft(stretch.rows)) break
      stretch.rows = undefined
      for (const index of stretch.lasts.keys())
        stretch.lasts.set(index, (ends[index] as ShardEnds).stored)
    }
  }

  /** Those whose sequences are known become one, where there are too many. */
  #merge(): void {
    const known = this.#stretches.findIndex(({ rows }) => rows !== undefined)
    const count = known < 0 ? this.#stretches.length : known
    if (count < stretchesMax) return
    const merged: Stretch[] = []
    for (let i = 0; i < count; i += 2) {
      const first = this.#stretches[i] as Stretch
      const second = i + 1 < count ? this.#stretches[i + 1] : undefined
      if (second !== undefined) {
        first.offset = second.offset
        for (const [index, last] of second.lasts) first.lasts.set(index, last)
      }
      merged.push(first)
    }
    this.#stretches.splice(0, count, ...merged)
  }
}
