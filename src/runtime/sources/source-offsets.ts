import { asOffset, offsetBefore, type Offset } from '../../core/offset.js'
import type { KnownPartition } from '../../core/source.js'
import { addon, type NativeRecovery } from '../../native/addon.js'
import type { Settings } from '../settings/options.js'
import { Partitions, type Partition } from '../door/partitions.js'
import type { Origin } from '../door/staging.js'

interface Parts {
  readonly handle: number
  readonly settings: Settings
  readonly segmentBytes: number
  readonly recovered: readonly NativeRecovery[]
}

/** A partition that is known, and its number. */
export interface Numbered extends KnownPartition {
  readonly number: number
}

/** A partition that is to be known from now on. */
export interface Registered {
  readonly name: string
  readonly identity: object | undefined
  /** The one that it is already; undefined: it gets one. */
  readonly number: number | undefined
}

/**
 * How far each partition of the sources has been stored: one for an open stream, which all its readings
 * share, so that each goes on where those before it have ended. Partitions have numbers, which the
 * directory keeps for ever with their names and identities; a journal keeps the offset with each
 * message.
 *
 * At most once there is no journal: an offset is then written down before its batch is sent, so that
 * a crash loses a batch and never repeats one. The file `offsets` is an array of them by number, those
 * from 2^53 on as texts; up to 0.1.0 it was an object by name, of the source that was read last.
 */
export class SourceOffsets {
  readonly #handle: number
  readonly #isJournaled: boolean
  readonly #keeps: boolean
  readonly #partitions: Partitions
  /** By shard: partition → the offset up to which it has everything. At most once all shards share one. */
  readonly #stored: readonly Map<number, Offset>[]
  /** At most once, by partition: what is written down. */
  #begun: Offset[]
  /** Of partitions that can't be read again: the last offset that was given away. */
  readonly #reserved = new Map<number, number>()
  /** By partition: up to where every shard has been told. */
  readonly #told = new Map<number, Offset>()
  /** By partition: up to where all of it is known to be confirmed; a place that its source knows. */
  readonly #confirmed = new Map<number, Offset>()
  /** Of partitions of which something was given up: from where they are read on. */
  readonly #goesOn = new Map<number, Offset>()
  /** By partition: up to where every shard is to be told. */
  readonly #passed = new Map<number, Offset>()

  constructor(parts: Parts) {
    const { handle, settings, recovered } = parts
    this.#handle = handle
    this.#isJournaled = settings.delivery !== 'at-most-once'
    this.#keeps = settings.dir !== ''
    const kept = this.#keeps && !this.#isJournaled ? readOffsets(handle) : []
    this.#partitions = new Partitions({
      ...parts,
      usedBelow: Array.isArray(kept) ? kept.length : 0,
    })
    this.#begun = Array.isArray(kept) ? kept : this.#byNumber(kept)
    if (this.#isJournaled) {
      this.#stored = Array.from(
        { length: settings.shards },
        (_, shard) =>
          new Map(
            Object.entries(recovered[shard]?.sources ?? {}).map(([number, offset]) => [
              Number(number),
              offset,
            ]),
          ),
      )
    } else {
      const shared = new Map<number, Offset>(this.#begun.entries())
      this.#stored = Array.from({ length: settings.shards }, () => shared)
    }
  }

  /** Every partition of a resumable source that has ever been read. */
  known(): Numbered[] {
    const found: Numbered[] = []
    for (const [number, partition] of this.#partitions.all.entries()) {
      const known = sourceOf(partition)
      if (known === undefined) continue
      found.push({ ...known, number, offset: this.start(number) })
    }
    return found
  }

  /** Gives numbers to new ones, and keeps what the others are known by now; durable when it returns. */
  register(partitions: readonly Registered[]): number[] {
    const changed = new Map<number, Partition>()
    const added: Partition[] = []
    const next = this.#partitions.all.length
    const numbers = partitions.map(({ name, identity, number }) => {
      const partition = identity === undefined ? { partition: name } : { partition: name, identity }
      if (number === undefined) return next + added.push(partition) - 1
      const known = this.#partitions.all[number]
      if (identity !== undefined && JSON.stringify(known) !== JSON.stringify(partition)) {
        changed.set(number, partition)
      }
      return number
    })
    this.#partitions.add(added, changed)
    return numbers
  }

  /** The number of a partition that can't be read again. */
  registerLive(name: string): number {
    const kept = livePrefix + name
    const number = this.#partitions.all.indexOf(kept)
    if (number !== -1) return number
    this.#partitions.add([kept])
    return this.#partitions.all.length - 1
  }

  identified(number: number, identity: object): void {
    const known = sourceOf(this.#partitions.all[number] as Partition)
    this.#partitions.change(number, { partition: known?.name ?? '', identity })
  }

  /** The offset up to which every shard has the partition. */
  start(number: number): Offset {
    const goesOn = this.#goesOn.get(number)
    if (goesOn !== undefined) return goesOn
    const [first = 0, ...others] = this.#stored.map((stored) => stored.get(number) ?? 0)
    return others.reduce<Offset>((least, offset) => (offset < least ? offset : least), first)
  }

  /**
   * Offsets for rows that can't be read again: they go on from those of all readings before, since a
   * row that has no other id is known by its offset.
   * @returns the one before the first of them
   */
  reserve(number: number, rows: number): number {
    const from =
      this.#reserved.get(number) ??
      this.#stored.reduce((most, stored) => Math.max(most, Number(stored.get(number) ?? 0)), 0)
    this.#reserved.set(number, from + rows)
    return from
  }

  /** Whether a shard has stored this row before, or at most once perhaps has. */
  has(shard: number, { partition, offset }: Origin): boolean {
    const stored = this.#stored[shard]?.get(partition)
    return stored !== undefined && offset <= stored
  }

  /** At most once: the rows up to this offset are about to be sent. */
  begin(number: number, offset: Offset): void {
    // Where others need older rows, it is further than this batch.
    if (!this.#keeps || this.#isJournaled || offset <= (this.#begun[number] ?? 0)) return
    const begun = Array.from(
      { length: Math.max(this.#begun.length, number + 1) },
      (_, i) => this.#begun[i] ?? 0,
    )
    begun[number] = offset
    addon().putFile(this.#handle, 'offsets', Buffer.from(JSON.stringify(begun, asText)))
    this.#begun = begun
  }

  /** Every row up to this offset is on its way to its shard, or stored. */
  passed(number: number, offset: Offset): void {
    this.#passed.set(number, offset)
    let isFurthest = true
    for (const stored of this.#stored) {
      const before = stored.get(number) ?? 0
      if (offset > before) stored.set(number, offset)
      isFurthest &&= offset >= before
    }
    if (isFurthest) this.#goesOn.delete(number)
    else if (this.#goesOn.has(number)) this.#goesOn.set(number, offset)
  }

  /** All of a partition up to there has been committed. */
  confirmed(number: number, offset: Offset): void {
    this.#confirmed.set(number, offset)
  }

  /**
   * What was given up is to be stored again. A shard skips what it had before the first of it; reading
   * goes on at a place before that which the source knows: offsets need not be dense.
   * @param first by shard, where there is one
   * @param known another place, which is known to the source
   */
  givenUp(number: number, first: ReadonlyMap<number, Offset>, known: Offset | undefined): void {
    if (first.size === 0) return
    for (const [shard, offset] of first) this.#stored[shard]?.set(number, offsetBefore(offset))
    const least = [...first.values()].reduce((a, b) => (b < a ? b : a))
    const places = [this.#goesOn.get(number), this.#confirmed.get(number), known]
    const before = places.filter((place) => place !== undefined && place < least) as Offset[]
    this.#goesOn.set(number, before.length === 0 ? offsetBefore(least) : greatestOf(before))
  }

  /** Whether shards are to be told how far a source has been read. */
  get areTold(): boolean {
    return this.#keeps && this.#isJournaled
  }

  /** Of these partitions, what has been passed since `told` was called. */
  untold(numbers: Iterable<number>): Origin[] {
    if (!this.areTold) return []
    const found: Origin[] = []
    for (const partition of numbers) {
      const offset = this.#passed.get(partition)
      if (offset === undefined || offset === this.#told.get(partition)) continue
      found.push({ partition, offset })
    }
    return found
  }

  told({ partition, offset }: Origin): void {
    this.#told.set(partition, offset)
  }

  #byNumber(byName: ReadonlyMap<string, Offset>): Offset[] {
    return this.#partitions.all.map((partition) => {
      const known = sourceOf(partition)
      return known === undefined ? 0 : (byName.get(known.name) ?? 0)
    })
  }
}

function greatestOf(offsets: readonly Offset[]): Offset {
  return offsets.reduce((a, b) => (b > a ? b : a))
}

const livePrefix = 'not resumable: '

/** A partition of a resumable source; undefined for what else has a number. */
function sourceOf(
  partition: Partition,
): { readonly name: string; readonly identity: unknown } | undefined {
  if (typeof partition !== 'string') {
    if (!('partition' in partition)) return undefined
    return { name: partition.partition, identity: partition.identity }
  }
  // What stands for no partition that could be read again: of 0.1.0, and of a repair.
  if (partition.startsWith(livePrefix)) return undefined
  if (/^(?:unnamed|lost by repair) \d+$/.test(partition)) return undefined
  return { name: partition, identity: undefined }
}

/** By number; by name where 0.1.0 has written it. */
function readOffsets(handle: number): Offset[] | ReadonlyMap<string, Offset> {
  const bytes = addon().getFile(handle, 'offsets')
  if (bytes.length === 0) return []
  const kept = JSON.parse(bytes.toString()) as (number | string)[] | Record<string, number>
  return Array.isArray(kept) ? kept.map(ofText) : new Map(Object.entries(kept))
}

/** JSON has no form for a bigint. */
function asText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function ofText(kept: number | string): Offset {
  return typeof kept === 'number' ? kept : (asOffset(BigInt(kept)) ?? 0)
}
