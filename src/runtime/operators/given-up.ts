import type { NativeSeat } from '../../native/addon.js'
import { slotKind, slotOffset } from '../../native/slots.js'
import { originAt, type FrameOrigin } from '../message/origin.js'
import type { SlotReader } from './slot-reader.js'

/** What is given up in all shards; a newer list takes the place of an older one. It can be cloned. */
export interface GiveUps {
  /** 0: nothing has ever been. */
  readonly version: number
  readonly all: readonly {
    /** Its number in the directory. */
    readonly partition: number
    /** By shard: up to which sequence; Infinity while some of it may still come. */
    readonly through: readonly number[]
  }[]
}

export const noGiveUps: GiveUps = Object.freeze({ version: 0, all: [] })

/**
 * Which messages in flight are given up: those of partitions that are somebody else's now. From the
 * first of them on, in the order of sequences, all of a partition's are, copies and malformed rows too:
 * a later one that counted would raise the partition's offset past those.
 */
export class GivenUp {
  readonly #slots: SlotReader
  readonly #shard: number
  readonly #ring: DataView
  #through = new Map<number, number>()
  version = 0
  #doubtfulThrough = 0

  constructor(slots: SlotReader, { ring }: NativeSeat, shard: number) {
    this.#slots = slots
    this.#shard = shard
    this.#ring = new DataView(ring)
  }

  get isEmpty(): boolean {
    return this.#through.size === 0
  }

  set({ version, all }: GiveUps): void {
    this.version = version
    this.#through = new Map(
      all.map(({ partition, through }) => [partition, through[this.#shard] as number]),
    )
  }

  /** Copies up to this sequence may be of messages that were given up. */
  doubt(through: number): void {
    this.#doubtfulThrough = through
  }

  /** Whether a copy of a message that was in flight may be of one that was given up, and so of none. */
  isDoubtful(sequence: number): boolean {
    return sequence <= this.#doubtfulThrough || !this.isEmpty
  }

  /** Of a message in flight. */
  has(sequence: number): boolean {
    return this.origin(sequence) !== undefined
  }

  /** Where a message in flight that is given up was read from. */
  origin(sequence: number): FrameOrigin | undefined {
    if (this.#through.size === 0) return undefined
    const at = this.#slots.slotOf(sequence)
    const { words } = this.#slots
    const origin = originAt(
      this.#ring,
      words[at + slotOffset] as number,
      words[at + slotKind] as number,
    )
    if (origin === undefined) return undefined
    const through = this.#through.get(origin.partition)
    return through !== undefined && sequence <= through ? origin : undefined
  }
}
