import type { Origin } from '../../core/origin.js'
import type { Position } from '../../core/sink.js'
import { addon } from '../../native/addon.js'
import { ownersOf, type Finished } from '../operators/finished.js'
import type { SlotReader } from '../operators/slot-reader.js'
import type { ByProducts } from './by-products.js'

export interface OriginsParts {
  readonly handle: number
  readonly pipeline: string
  readonly lineage: string
  /** As outputs know it. */
  readonly shardOfAll: number
  readonly slots: SlotReader
  /** Whether messages are kept until they are done, and so have the same sequence again. */
  readonly isJournaled: boolean
  /** Missing where there is one sink. */
  readonly byProducts: ByProducts | undefined
  /** The last committed sequence. */
  readonly through: () => number
}

/** As the directory's file `sources` has it (native/shard/FORMAT.md). */
type NamedPartition = string | { readonly partition?: string }

/** Tells of outputs that are about to be written where they come from. */
export class Origins {
  readonly #parts: OriginsParts
  #partitions: readonly NamedPartition[] = []

  constructor(parts: OriginsParts) {
    this.#parts = parts
  }

  /** A batch's position; origins are found out when they are asked for. */
  position(epoch: number, through: number, finished: Finished): Position {
    let indices: readonly number[] | undefined
    return {
      epoch,
      through,
      originOf: (at) => {
        if (at < 0) return this.#byProduct(finished, -1 - at)
        indices ??= finished.indices()
        return this.#of(ownersOf(finished.ownersAt(at)).at(-1) as number, indices[at] as number)
      },
    }
  }

  #byProduct(finished: Finished, at: number): Origin {
    const one = this.#parts.byProducts?.of(finished)[at]
    if (one === undefined) throw new RangeError(`there is no by-product ${at}`)
    return this.#of(one.sequence, -1)
  }

  #of(sequence: number, index: number): Origin {
    const { pipeline, lineage, shardOfAll: shard, isJournaled, slots, through } = this.#parts
    const origin = { pipeline, lineage, shard, sequence, index }
    if (isJournaled || sequence <= through()) return origin
    const from = slots.originAt(slots.slotOf(sequence))
    if (from === undefined) return origin
    return { ...origin, partition: this.#nameOf(from.partition), offset: from.offset }
  }

  #nameOf(number: number): string {
    if (this.#partitions[number] === undefined) {
      const bytes = addon().getFile(this.#parts.handle, 'sources')
      this.#partitions =
        bytes.length === 0 ? [] : (JSON.parse(bytes.toString()) as NamedPartition[])
    }
    const partition = this.#partitions[number]
    return (typeof partition === 'string' ? partition : partition?.partition) ?? String(number)
  }
}
