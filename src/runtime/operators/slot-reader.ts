import { dueMsOf } from '../../codec/envelope.js'
import type { Id, Key, MalformedRow } from '../../core/message.js'
import type { NativeParked, NativeSeat } from '../../native/addon.js'
import {
  frameTypes,
  kindTypeMask,
  slotKind,
  slotLength,
  slotOutcome,
  slotOffset,
  slotWords,
} from '../../native/slots.js'
import type { Graph } from '../../pipeline/graph.js'
import { Decoder } from '../message/decoder.js'
import { idReader, type IdOf } from '../message/id-reader.js'
import { originAt, type FrameOrigin } from '../message/origin.js'
import { shardOf } from '../message/keys.js'
import { AttemptContext, type Signals } from './context.js'
import type { JobParts } from './job.js'
import { keyReader, lateReader, Unkeyed, type IsLate, type KeyOf } from '../message/readers.js'

export interface SlotReaderParts {
  readonly handle: number
  readonly shard: number
  /** What operators know the first one as. */
  readonly firstShard: number
  readonly shardCount: number
  readonly graph: Graph
  readonly seat: NativeSeat
  /** The last sequence that the shard had when the stream was opened. */
  readonly storedBefore: number
  readonly signals: Signals
}

/** A message as it lies in the ring, or is parked. */
export type Stored = Pick<NativeParked, 'sequence' | 'type' | 'payload'>

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
  readonly #view: DataView
  readonly #shard: number
  readonly #mask: number
  readonly #storedBefore: number
  readonly #keyOf: KeyOf
  /** Of messages that may have come to the shard by another key: the definition was another one then. */
  readonly #oldKeyOf: KeyOf
  readonly #idOf: IdOf
  readonly #signals: Signals

  constructor(parts: SlotReaderParts) {
    const { handle, shard, firstShard, shardCount, graph, seat } = parts
    this.words = new Int32Array(seat.slots)
    this.decoder = new Decoder(handle, graph, seat.ring)
    this.isLate = lateReader(graph)
    this.#seat = seat
    this.#view = new DataView(seat.ring)
    this.#shard = firstShard + shard
    this.#mask = seat.capacity - 1
    this.#storedBefore = parts.storedBefore
    this.#keyOf = keyReader(graph, (key) => shardOf(key, shardCount) === shard)
    this.#oldKeyOf = keyReader(graph, () => true)
    this.#idOf = idReader(graph)
    this.#signals = parts.signals
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

  malformedRow(at: number): MalformedRow {
    return this.decoder.rowAt(this.#offset(at), this.#length(at))
  }

  /** The payload's bytes, in the ring: valid until the message is committed. */
  payload(at: number): Buffer {
    return Buffer.from(this.#seat.ring, this.#offset(at), this.#length(at))
  }

  /** Where a message in flight was read from; undefined where it was sent. */
  originAt(at: number): FrameOrigin | undefined {
    return originAt(this.#view, this.#offset(at), this.kind(at))
  }

  timeMs(at: number): number {
    return this.decoder.timeMs(this.#offset(at), this.kind(at))
  }

  /** A message in flight, to be run in the lane. */
  firstAttempt(sequence: number, at: number): JobParts {
    const kind = this.kind(at)
    const isRow = (kind & kindTypeMask) === frameTypes.malformed
    return {
      sequence,
      attempt: 1,
      history: '',
      ...keyed(isRow ? undefined : this.keyAt(sequence, at)),
      kind,
      timeMs: this.timeMs(at),
      payload: this.payload(at),
    }
  }

  keyAt(sequence: number, at: number): Key | Unkeyed | undefined {
    const type = this.kind(at) & kindTypeMask
    return this.keyOf({ sequence, type, payload: this.payload(at) })
  }

  /**
   * What the shard had before this opening, and letters that are sent again, stay in the shard that they
   * are in, whatever their key is now. What can't be decoded has no key: it holds up nothing but itself,
   * and its attempts fail for that.
   */
  keyOf({ sequence, type, payload }: Stored): Key | Unkeyed | undefined {
    const isOld = sequence <= this.#storedBefore || type === frameTypes.retry
    try {
      return this.decoder.during(payload, isOld ? this.#oldKeyOf : this.#keyOf)
    } catch {
      return undefined
    }
  }

  /**
   * @param payload where the message may have an envelope; undefined: it has none
   * @throws what the pipeline's `id` throws
   */
  context(
    { sequence, attempt, timeMs }: Pick<JobParts, 'sequence' | 'attempt' | 'timeMs'>,
    message: unknown,
    payload: Buffer | undefined,
  ): AttemptContext {
    const id = this.#idOf(message)
    const found = payload === undefined ? undefined : this.decoder.envelopeOf(payload)
    // Its own: a handler may look at it when the ring has gone on.
    const envelope = found === undefined ? undefined : new Uint8Array(found)
    const parts = { sequence, shard: this.#shard, attempt, timeMs, id, envelope }
    return new AttemptContext(parts, this.#signals)
  }

  /** When the message in a payload is due, in milliseconds since 1970; 0 where it was given no time. */
  dueMsOf(payload: Buffer): number {
    const envelope = this.decoder.envelopeOf(payload)
    return envelope === undefined ? 0 : dueMsOf(envelope)
  }

  /** By the pipeline's `id`; undefined also where it can't be told. */
  idOf(payload: Buffer): Id | undefined {
    try {
      return this.decoder.during(payload, this.#idOf)
    } catch {
      return undefined
    }
  }

  /** The same of the message in flight at a slot. */
  dueMsAt(at: number): number {
    const isBare = this.decoder.isBare(this.#offset(at), this.#length(at))
    return isBare ? 0 : this.dueMsOf(this.payload(at))
  }

  #offset(at: number): number {
    return this.words[at + slotOffset] as number
  }

  #length(at: number): number {
    return this.words[at + slotLength] as number
  }
}

/** As a job has it: a key, or none, or why there is none although there should be. */
export function keyed(key: Key | Unkeyed | undefined): Pick<JobParts, 'key' | 'unkeyed'> {
  return key instanceof Unkeyed ? { key: undefined, unkeyed: key } : { key, unkeyed: undefined }
}
