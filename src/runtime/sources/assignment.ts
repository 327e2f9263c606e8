import type { Offset } from '../../core/offset.js'
import { addon } from '../../native/addon.js'
import { ConfirmedOffset, type AllShards } from './confirmed.js'
import type { ShardEnds } from './consumption.js'
import type { ReadPartition } from './source-reading.js'
import type { Target } from './row-taker.js'

export interface AssignmentParts {
  readonly name: string
  /** By destination: its number there. */
  readonly numbers: readonly number[]
  /** From where it is read. */
  readonly from: Offset
  /** Up to where the source knows that it is safe; undefined: it does not say. */
  readonly told: Offset | undefined
  readonly targets: readonly Target[]
  readonly shards: AllShards
  /** The reading is over. */
  readonly ended: AbortSignal
  /** Others may read it. */
  readonly release: () => void
}

/** How often a shard is told how far the source is confirmed, at most. */
const tellShardsMs = 1000

/** A partition while a connection has it. */
export class Assignment implements ReadPartition {
  readonly name: string
  /** From where on it is read. */
  readonly from: Offset
  readonly numbers: readonly number[]
  readonly release: () => void
  reached: Offset
  /** Up to where the source has been told that it is safe. */
  told: Offset | undefined
  readonly confirmed: ConfirmedOffset
  /** Ends the waiting for room of its rows. */
  readonly signal: AbortSignal
  /** Resolves when no row of it is being taken. */
  taking: Promise<unknown> = Promise.resolve()
  readonly #targets: readonly Target[]
  readonly #revoking = new AbortController()
  #toldShards: Offset = 0
  #toldShardsMs = -Infinity

  constructor(parts: AssignmentParts) {
    const { name, numbers, from, told, targets, shards, ended, release } = parts
    this.name = name
    this.from = from
    this.numbers = numbers
    this.reached = from
    this.told = told
    this.release = release
    this.confirmed = new ConfirmedOffset(shards, from)
    this.signal = AbortSignal.any([ended, this.#revoking.signal])
    this.#targets = targets
  }

  /** Looks how far it is confirmed. */
  look(ends: readonly ShardEnds[]): void {
    this.confirmed.look(ends)
    const { offset } = this.confirmed
    if (offset === undefined) return
    for (const [i, { offsets }] of this.#targets.entries()) {
      offsets.confirmed(this.numbers[i] as number, offset)
    }
  }

  /** Whether no more of it is to be taken. */
  get isLeft(): boolean {
    return this.signal.aborted
  }

  /** Nothing more of it is taken. */
  revoke(): void {
    this.#revoking.abort(new Error('the partition was revoked'))
  }

  /** Up to where the source may be told, beyond what it knows; undefined where there is nothing new. */
  get untold(): Offset | undefined {
    const { offset } = this.confirmed
    return offset !== undefined && (this.told === undefined || offset > this.told)
      ? offset
      : undefined
  }

  /**
   * Tells every shard up to where all of it is confirmed, so that one without messages of it does not
   * hold back the next opening. Never further: what is given up would count as read.
   */
  tellShards(nowMs: number): void {
    const { offset = 0 } = this.confirmed
    if (offset <= this.#toldShards || nowMs - this.#toldShardsMs < tellShardsMs) return
    for (const [i, { handle, settings, offsets, ends }] of this.#targets.entries()) {
      // The stream may have been closed while the source was told.
      if (!offsets.areTold || ends(0) === undefined) continue
      for (let shard = 0; shard < settings.shards; shard++) {
        const number = this.numbers[i] as number
        if (!addon().appendOffset(handle, shard, number, offset)) return
      }
    }
    this.#toldShards = offset
    this.#toldShardsMs = nowMs
  }

  /** The same now, where there is room. */
  tellShardsNow(): void {
    this.tellShards(Infinity)
  }
}
