import type { Key, MalformedRow, MessageContext } from '../core/message.js'
import type { NativeSeat } from '../native/addon.js'
import {
  frameTypes,
  kindTypeMask,
  slotKind,
  slotLength,
  slotOutcome,
  slotPlace,
  slotWords,
} from '../native/slots.js'
import type { Graph } from '../pipeline/graph.js'
import { Decoder } from './decoder.js'
import type { JobParts } from './lane.js'
import { keyReader, lateReader, type IsLate, type KeyOf } from './readers.js'

/** For operators that do not declare it. */
export const noContext = undefined as unknown as MessageContext

/**
 * What the slots and payloads of a shard tell about its messages. `at` is where a message's slot
 * begins, which `slotOf` gives for a sequence that is in flight.
 */
export class SlotReader {
  readonly words: Int32Array
  readonly decoder: Decoder
  /** Unset where no message can be late. */
  readonly isLate: IsLate | undefined
  readonly #seat: NativeSeat
  readonly #shard: number
  readonly #graph: Graph
  readonly #mask: number
  readonly #keyOf: KeyOf

  /** @param shard as operators know it */
  constructor(handle: number, shard: number, graph: Graph, seat: NativeSeat) {
    this.words = new Int32Array(seat.slots)
    this.decoder = new Decoder(handle, graph, seat.ring)
    this.isLate = lateReader(graph)
    this.#seat = seat
    this.#shard = shard
    this.#graph = graph
    this.#mask = seat.capacity - 1
    this.#keyOf = keyReader(graph)
  }

  slotOf(sequence: number): number {
    return (sequence & this.#mask) * slotWords
  }

  kind(at: number): number {
    return this.words[at + slotKind] as number
  }

  /** Of a message in flight. */
  outcome(sequence: number): number {
    return this.words[this.slotOf(sequence) + slotOutcome] as number
  }

  setOutcome(at: number, outcome: number): void {
    this.words[at + slotOutcome] = outcome
  }

  /** The message as operators get it; a raw frame is valid until the next call. */
  message(at: number): unknown {
    return this.decoder.at(this.#place(at), this.#length(at))
  }

  malformedRow(at: number): MalformedRow {
    return this.decoder.rowAt(this.#place(at), this.#length(at))
  }

  /** The payload's bytes, in the ring: valid until the message is committed. */
  payload(at: number): Buffer {
    return Buffer.from(this.#seat.ring, this.#place(at), this.#length(at))
  }

  timeMs(at: number): number {
    return this.decoder.timeMs(this.#place(at), this.kind(at))
  }

  /** A message in flight, to be run in the lane. */
  firstAttempt(sequence: number, at: number): JobParts {
    const kind = this.kind(at)
    const isRow = (kind & kindTypeMask) === frameTypes.malformed
    return {
      sequence,
      attempt: 1,
      history: '',
      key: isRow ? undefined : this.keyAt(at),
      kind,
      timeMs: this.timeMs(at),
      payload: this.payload(at),
    }
  }

  /** Without a key a message holds up nothing but itself; its operators fail for the same reason. */
  keyAt(at: number): Key | undefined {
    try {
      return this.#keyOf(this.message(at))
    } catch {
      return undefined
    }
  }

  keyOf(payload: Buffer): Key | undefined {
    try {
      return this.#keyOf(this.decoder.of(payload))
    } catch {
      return undefined
    }
  }

  context(sequence: number, attempt: number, timeMs: number, message: unknown): MessageContext {
    const { id } = this.#graph.deliver
    return {
      sequence,
      shard: this.#shard,
      attempt,
      timeMs,
      id: typeof id === 'function' ? id(message as never) : undefined,
    }
  }

  #place(at: number): number {
    return this.words[at + slotPlace] as number
  }

  #length(at: number): number {
    return this.words[at + slotLength] as number
  }
}
