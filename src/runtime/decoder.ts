import { Unpackr } from 'msgpackr/unpack'
import type { MalformedRow } from '../core/message.js'
import { kindHeaderShift } from '../native/slots.js'
import type { Graph } from '../pipeline/graph.js'
import { BufferFrame } from './frame.js'
import { sharedStructuresMax, structuresOf } from './structures.js'

/**
 * Payload bytes → the message that operators get. Objects are decoded in place from the ring; of raw
 * frames one Frame is moved from one to the next.
 */
export class Decoder {
  readonly #frame: BufferFrame | undefined
  readonly #unpackr: Unpackr
  readonly #ring: Uint8Array
  readonly #view: DataView
  readonly #range = { start: 0, end: 0 }

  constructor(handle: number, graph: Graph, ring: ArrayBuffer) {
    this.#ring = new Uint8Array(ring)
    this.#view = new DataView(ring)
    this.#frame =
      graph.accepts.kind === 'frames'
        ? new BufferFrame(graph.accepts.size).over(this.#ring)
        : undefined
    this.#unpackr = new Unpackr({
      ...structuresOf(handle),
      maxSharedStructures: sharedStructuresMax,
      // What lies in the ring is overwritten later: bytes inside a message must be its own.
      copyBuffers: true,
    } as never)
  }

  /** The message at a place of the ring. */
  at(place: number, length: number): unknown {
    if (this.#frame !== undefined) return this.#frame.moveTo(place)
    return this.object(place, length)
  }

  /** An object at a place of the ring, whatever the pipeline takes. */
  object(place: number, length: number): unknown {
    const range = this.#range
    range.start = place
    range.end = place + length
    return this.#unpackr.unpack(this.#ring, range)
  }

  /** The message in bytes outside the ring. */
  of(payload: Buffer): unknown {
    if (this.#frame === undefined) return this.#unpackr.unpack(payload)
    return new BufferFrame(payload.length).over(payload)
  }

  /** A malformed row in bytes outside the ring, whatever the pipeline takes. */
  row(payload: Buffer): MalformedRow {
    return this.#unpackr.unpack(payload) as MalformedRow
  }

  /** When the message at a place was taken in; a compact frame does not tell. */
  timeMs(place: number, kind: number): number {
    const header = kind >>> kindHeaderShift
    if (header < 24) return Date.now()
    const low = this.#view.getUint32(place - header + 16, true)
    const high = this.#view.getUint32(place - header + 20, true)
    return (high * 2 ** 20 + (low >>> 12)) / 1000
  }
}

/** Copies of a frame for those who keep it: a frame that leaves its call is no longer valid. */
export function kept(value: unknown): unknown {
  return value instanceof BufferFrame ? value.copy() : value
}
