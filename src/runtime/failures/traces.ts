import type { Id, Key } from '../../core/message.js'
import { addon, type NativeParked, type NativeSeat } from '../../native/addon.js'
import type { Unkeyed } from '../message/readers.js'
import type { SlotReader } from '../operators/slot-reader.js'

/** What is known of a message that has been processed and is not committed. */
interface Trace {
  readonly attempt: number
  readonly history: string
  readonly key: Key | Unkeyed | undefined
}

interface TracesParts {
  readonly handle: number
  readonly shard: number
  readonly seat: NativeSeat
  readonly slots: SlotReader
  /** The last committed sequence. */
  readonly through: () => number
}

/** Finds messages again: those in flight by their slots, and the parked ones in the native core. */
export class Traces {
  readonly #parts: TracesParts
  /** Sequence → key, as far as it was asked for since the last commit: to find it out takes decoding. */
  readonly #keys = new Map<number, Key | Unkeyed | undefined>()

  constructor(parts: TracesParts) {
    this.#parts = parts
  }

  of(sequence: number): Trace {
    const { slots, through } = this.#parts
    if (sequence > through()) {
      return { attempt: 1, history: '', key: slots.keyAt(sequence, slots.slotOf(sequence)) }
    }
    const entry = this.entry(sequence)
    return { attempt: entry.attempts + 1, history: entry.history, key: slots.keyOf(entry) }
  }

  keyOf(sequence: number): Key | Unkeyed | undefined {
    if (this.#keys.has(sequence)) return this.#keys.get(sequence)
    const { key } = this.of(sequence)
    this.#keys.set(sequence, key)
    return key
  }

  /** Undefined also where it can't be told. */
  idOf(sequence: number): Id | undefined {
    const { slots, through } = this.#parts
    if (sequence <= through()) return slots.idOf(this.entry(sequence).payload)
    return slots.idOf(slots.payload(slots.slotOf(sequence)))
  }

  /** A parked message. */
  entry(sequence: number): NativeParked {
    const { handle, shard, seat } = this.#parts
    const entry = addon().nextParked(handle, shard, seat.attempt, sequence - 1)
    if (entry?.sequence !== sequence) throw new Error(`message ${sequence} is not parked`)
    return entry
  }

  /** What was processed is committed. */
  committed(): void {
    this.#keys.clear()
  }
}
