import { SemelError } from '../core/errors.js'
import type { Source } from '../core/source.js'
import { addon, type NativeRecovery } from '../native/addon.js'
import type { Settings } from './options.js'
import { Partitions } from './partitions.js'
import type { Origin } from './staging.js'

interface Parts {
  readonly handle: number
  readonly settings: Settings
  readonly segmentBytes: number
  readonly recovered: readonly NativeRecovery[]
}

/**
 * How far each partition of the sources has been stored. Partitions have numbers, which the directory
 * keeps with their names; a journal keeps the offset with each message.
 *
 * At most once there is no journal: an offset is then written down before its batch is sent, so that
 * a crash loses a batch and never repeats one.
 */
export class SourceOffsets {
  readonly #handle: number
  readonly #isJournaled: boolean
  readonly #keeps: boolean
  readonly #isResumable: boolean
  readonly #numbers = new Map<string, number>()
  /** By shard: partition → the offset up to which it has everything. */
  readonly #stored: Map<number, number>[]
  readonly #start = new Map<string, number>()
  /** At most once: by partition, up to where earlier runs have sent it. */
  readonly #begun = new Map<number, number>()
  readonly #passed = new Map<number, number>()
  #marked = new Map<number, number>()

  constructor(parts: Parts, source: Source<unknown>) {
    const { handle, settings, recovered } = parts
    this.#handle = handle
    this.#isJournaled = settings.delivery !== 'at-most-once'
    this.#keeps = settings.dir !== '' && source.resumable
    this.#isResumable = source.resumable
    const partitions = new Partitions(parts)
    this.#number(partitions)
    this.#stored = recovered.map(
      ({ sources }) =>
        new Map(Object.entries(sources).map(([partition, offset]) => [Number(partition), offset])),
    )
    const named = new Set(source.partitions.map((name) => this.#kept(name)))
    partitions.add([...named].filter((name) => !this.#numbers.has(name)))
    this.#number(partitions)
    if (source.resumable) this.#findStart(source.partitions)
  }

  /** Partition → the offset from which to read. */
  start(): ReadonlyMap<string, number> {
    return this.#start
  }

  partition(name: string): number {
    const number = this.#numbers.get(this.#kept(name))
    if (number !== undefined) return number
    throw new SemelError(
      'SEMEL_SOURCE',
      `the source gave a batch of the partition ${JSON.stringify(name)}, which is not among its partitions`,
    )
  }

  /** Whether a shard has stored this row in an earlier run, or at most once perhaps has. */
  has(shard: number, { partition, offset }: Origin): boolean {
    const stored = this.#isJournaled
      ? this.#stored[shard]?.get(partition)
      : this.#begun.get(partition)
    return this.#keeps && stored !== undefined && offset <= stored
  }

  beforeBatch(partition: number, offset: number): void {
    if (!this.#keeps || this.#isJournaled) return
    // Where others need older rows, it is further than this batch.
    if (offset <= (this.#begun.get(partition) ?? 0)) return
    this.#passed.set(partition, offset)
    const offsets = Object.fromEntries(
      [...this.#start].map(([name, start]) => [
        name,
        Math.max(start, this.#passed.get(this.partition(name)) ?? 0),
      ]),
    )
    addon().putFile(this.#handle, 'offsets', Buffer.from(JSON.stringify(offsets)))
  }

  passed(partition: number, offset: number): void {
    this.#passed.set(partition, offset)
  }

  /** What has been passed since the last call. */
  unmarked(): Origin[] {
    if (!this.#keeps || !this.#isJournaled) return []
    const found = [...this.#passed]
      .filter(([partition, offset]) => this.#marked.get(partition) !== offset)
      .map(([partition, offset]) => ({ partition, offset }))
    this.#marked = new Map(this.#passed)
    return found
  }

  #findStart(partitions: readonly string[]): void {
    const kept = this.#isJournaled
      ? {}
      : read(this.#handle, 'offsets', {} as Record<string, number>)
    for (const name of partitions) {
      const number = this.partition(name)
      const start = this.#isJournaled
        ? Math.min(...this.#stored.map((stored) => stored.get(number) ?? 0))
        : (kept[name] ?? 0)
      this.#start.set(name, start)
      if (!this.#isJournaled && start > 0) this.#begun.set(number, start)
    }
  }

  /** Offsets of a source that can't be resumed mean nothing to one of the same name that can. */
  #kept(name: string): string {
    return this.#isResumable ? name : `not resumable: ${name}`
  }

  #number({ all }: Partitions): void {
    for (const [number, name] of all.entries()) {
      if (typeof name === 'string') this.#numbers.set(name, number)
    }
  }
}

function read<T>(handle: number, file: 'sources' | 'offsets', otherwise: T): T {
  const bytes = addon().getFile(handle, file)
  return bytes.length === 0 ? otherwise : (JSON.parse(bytes.toString()) as T)
}
