import { FencedError, InvalidArgumentError } from '../../core/errors.js'
import type { Produced } from '../../core/message.js'
import { shown, wholeNumber } from '../../core/options.js'
import { unheeded } from '../../core/thenable.js'
import { addon } from '../../native/addon.js'
import type { OverflowCounters } from './overflow.js'
import { Partitions, type PartitionsParts, type ProducerPartition } from './partitions.js'
import type { Origin } from './staging.js'

/** What the door has turned away; none of it was stored, so it is not among a stream's counters. */
export interface DoorCounters extends OverflowCounters {
  /** A producer's number that is not above its newest. */
  readonly duplicate: number
  /** A producer's epoch below its newest: `FencedError`. */
  readonly fenced: number
}

interface Known {
  readonly partition: number
  epoch: number
}

export interface ProducersParts extends PartitionsParts {
  readonly settings: { readonly dir: string; readonly shards: number }
}

const nameLengthMax = 256
const sequenceMax = 2 ** 48 - 1

/**
 * The senders that number their messages themselves. Each has a partition number, and a message is
 * stored with it and its own number as a source's message is with its offset: so a shard keeps, with
 * every message, how far it has each producer's.
 *
 * Invariants:
 *  1. A producer and its epoch are durable before the first message of either is taken.
 *  2. `#newest` is never behind what is staged, and so never behind what is stored.
 */
export class Producers {
  readonly #handle: number
  readonly #partitions: Partitions
  readonly #known = new Map<string, Known>()
  /** By shard: by partition, the highest number that was stored or staged; -1 where there is none. */
  readonly #newest: Float64Array[]
  #duplicate = 0
  #fenced = 0

  constructor(parts: ProducersParts) {
    const { handle, settings, recovered } = parts
    this.#handle = handle
    this.#partitions = new Partitions(parts)
    for (const [partition, entry] of this.#partitions.all.entries()) {
      if (typeof entry === 'string' || !('producer' in entry)) continue
      this.#known.set(entry.producer, { partition, epoch: entry.epoch })
    }
    this.#newest = Array.from({ length: settings.shards }, (_, shard) => {
      const newest = new Float64Array(roomFor(this.#partitions.all.length)).fill(-1)
      for (const [partition, offset] of Object.entries(recovered[shard]?.sources ?? {})) {
        newest[Number(partition)] = Number(offset)
      }
      return newest
    })
  }

  get counters(): Pick<DoorCounters, 'duplicate' | 'fenced'> {
    return { duplicate: this.#duplicate, fenced: this.#fenced }
  }

  /**
   * @throws InvalidArgumentError for what numbers no message
   * @throws whatever its getters throw
   */
  check(numbering: unknown): Produced {
    if (typeof numbering !== 'object' || numbering === null) {
      throw new InvalidArgumentError(
        `deliver.producer: ${shown(numbering)} tells no producer; return { id, epoch, sequence }`,
      )
    }
    const { id, epoch, sequence } = numbering as Partial<Produced>
    if (typeof id !== 'string' || typeof epoch !== 'number' || typeof sequence !== 'number') {
      for (const one of [numbering, id, epoch, sequence]) unheeded(one)
    }
    if (typeof id !== 'string' || id === '' || id.length > nameLengthMax) {
      throw new InvalidArgumentError(
        `deliver.producer.id: ${shown(id)} is no name; return a text of 1 to ${nameLengthMax} characters`,
      )
    }
    // As they were looked at, whatever a getter would answer the next time.
    return {
      id,
      epoch: wholeNumber(epoch, 'deliver.producer.epoch', 0, Number.MAX_SAFE_INTEGER),
      sequence: wholeNumber(sequence, 'deliver.producer.sequence', 0, sequenceMax),
    }
  }

  /**
   * Lets a message in, or answers undefined where its shard has it already.
   * @returns with what it is to be staged; `staged` is to be told
   * @throws FencedError
   * @throws SemelError where a new producer or epoch can't be kept; then nothing has changed
   */
  admit({ id, epoch, sequence }: Produced, shard: number): Origin | undefined {
    const known = this.#known.get(id) ?? this.#add(id, epoch)
    if (epoch < known.epoch) {
      this.#fenced += 1
      throw new FencedError(id, epoch, known.epoch)
    }
    if (epoch > known.epoch) {
      this.#partitions.change(known.partition, { producer: id, epoch })
      known.epoch = epoch
    }
    const { partition } = known
    if (sequence <= (this.#newest[shard]?.[partition] as number)) {
      this.#duplicate += 1
      return undefined
    }
    return { partition, offset: sequence }
  }

  /** The message is on its way to its shard. */
  staged(shard: number, { partition, offset }: Origin): void {
    ;(this.#newest[shard] as Float64Array)[partition] = Number(offset)
  }

  /** The sequence behind which a shard has everything that its ring has taken. */
  storedIn(shard: number): number {
    return addon().status(this.#handle, shard).stored
  }

  #add(producer: string, epoch: number): Known {
    const partition = this.#partitions.all.length
    this.#partitions.add([{ producer, epoch } satisfies ProducerPartition])
    const known = { partition, epoch }
    this.#known.set(producer, known)
    for (const [shard, newest] of this.#newest.entries()) {
      if (partition < newest.length) break
      const grown = new Float64Array(roomFor(partition + 1)).fill(-1)
      grown.set(newest)
      this.#newest[shard] = grown
    }
    return known
  }
}

/** A power of two, so that it grows seldom. */
function roomFor(partitions: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(64, partitions)))
}
