import { SemelError } from '../../core/errors.js'
import { addon, type NativeRecovery } from '../../native/addon.js'

/**
 * What a partition number stands for: a source's partition, or a producer. A text is as 0.1.0 had a
 * partition, of which nothing but its name was known, or stands for one whose rows nobody reads again.
 */
export type Partition = string | SourcePartition | ProducerPartition

export interface SourcePartition {
  readonly partition: string
  /** As the source gave it; missing where the name says it all. */
  readonly identity?: object
}

export interface ProducerPartition {
  readonly producer: string
  /** The newest that has been here. */
  readonly epoch: number
}

export interface PartitionsParts {
  readonly handle: number
  readonly settings: { readonly dir: string }
  /** Of the directory's ack logs. */
  readonly segmentBytes: number
  readonly recovered: readonly NativeRecovery[]
  /** Numbers below it are in use elsewhere, whether or not the file `sources` still knows them. */
  readonly usedBelow?: number
}

/** A number has 16 bits in a frame, and one of them stands for none. */
const numbersMax = 65_535
/** What a segment of the ack log leaves to each: 24 bytes in an eighth of it (native/acklog/ack_log.h). */
const segmentBytesEach = 24 * 8

/**
 * The numbers that stand for partitions in a directory's journals and ack logs, kept in its file
 * `sources` (native/shard/FORMAT.md). A number is never given twice: whatever was stored under it would
 * pass for another one's.
 *
 * Invariant: what `add` and `change` have been told is in the file, where there is a directory.
 */
export class Partitions {
  readonly #handle: number
  readonly #keeps: boolean
  readonly #max: number
  #all: readonly Partition[]

  constructor({ handle, settings, segmentBytes, recovered, usedBelow = 0 }: PartitionsParts) {
    this.#handle = handle
    this.#keeps = settings.dir !== ''
    this.#max = Math.min(numbersMax, Math.floor(segmentBytes / segmentBytesEach))
    const bytes = this.#keeps ? addon().getFile(handle, 'sources') : Buffer.alloc(0)
    const all = bytes.length === 0 ? [] : (JSON.parse(bytes.toString()) as Partition[])
    // Up to 0.1.0 a source that can't be resumed had numbers that were written down nowhere.
    const used = Math.max(highest(recovered) + 1, usedBelow)
    for (let number = all.length; number < used; number++) all.push(`unnamed ${number}`)
    this.#all = all
  }

  /** By number. */
  get all(): readonly Partition[] {
    return this.#all
  }

  /**
   * Gives each a number, the next ones; durable when it returns.
   * @param changed by number: what others stand for from now on, in the same write
   * @throws SemelError `SEMEL_SOURCE` where there are too many
   */
  add(partitions: readonly Partition[], changed: ReadonlyMap<number, Partition> = none): void {
    if (partitions.length === 0 && changed.size === 0) return
    if (this.#all.length + partitions.length > this.#max) {
      throw new SemelError(
        'SEMEL_SOURCE',
        `the directory knows ${this.#all.length} partitions of sources and producers, and takes no more than ${this.#max}; open another directory${this.#max < numbersMax ? ', or one with a larger segment' : ''}`,
      )
    }
    const all = [...this.#all, ...partitions]
    for (const [number, to] of changed) all[number] = to
    this.#put(all)
  }

  /** Changes what a number stands for; durable when it returns. */
  change(number: number, to: Partition): void {
    this.#put(this.#all.with(number, to))
  }

  #put(all: readonly Partition[]): void {
    if (this.#keeps) addon().putFile(this.#handle, 'sources', Buffer.from(JSON.stringify(all)))
    this.#all = all
  }
}

const none: ReadonlyMap<number, Partition> = new Map()

/** The highest number under which something is stored; -1 where nothing is. */
function highest(recovered: readonly NativeRecovery[]): number {
  let found = -1
  for (const { sources } of recovered) {
    for (const number of Object.keys(sources)) found = Math.max(found, Number(number))
  }
  return Math.min(found, numbersMax - 1)
}
