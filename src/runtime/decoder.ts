import { Reader } from '../codec/reader.js'
import type { MalformedRow } from '../core/message.js'
import { kindHeaderShift } from '../native/slots.js'
import type { Graph } from '../pipeline/graph.js'
import { BufferFrame } from './frame.js'
import { shapesOf } from './structures.js'

/**
 * Payload bytes → the message that operators get. Objects are decoded in place from the ring; of raw
 * frames one Frame is moved from one to the next.
 */
export class Decoder {
  readonly #frame: BufferFrame | undefined
  readonly #reader: Reader
  readonly #ring: Uint8Array
  readonly #view: DataView

  constructor(handle: number, graph: Graph, ring: ArrayBuffer) {
    this.#ring = new Uint8Array(ring)
    this.#view = new DataView(ring)
    this.#frame =
      graph.accepts.kind === 'frames'
        ? new BufferFrame(graph.accepts.size).over(this.#ring)
        : undefined
    this.#reader = new Reader(shapesOf(handle).load)
  }

  /** The message at a place of the ring. */
  at(place: number, length: number): unknown {
    if (this.#frame !== undefined) return this.#frame.moveTo(place)
    return this.#reader.at(this.#ring, place, place + length)
  }

  /** A malformed row at a place of the ring, whatever the pipeline takes. */
  rowAt(place: number, length: number): MalformedRow {
    return this.row(this.#ring.subarray(place, place + length))
  }

  /** The message in bytes outside the ring. */
  of(payload: Buffer): unknown {
    if (this.#frame === undefined) return this.#reader.of(payload)
    return new BufferFrame(payload.length).over(payload)
  }

  /** A malformed row in bytes outside the ring, whatever the pipeline takes. */
  row(payload: Uint8Array): MalformedRow {
    return rowOf(this.#reader, payload)
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

/** Where repair has put something in a lost message's place (native/ring/journal_mend.h). */
const lostMark = 0xc1
const lostRow: MalformedRow = {
  text: '',
  line: 0,
  reason: 'the message was damaged in the journal and cut out by semel repair',
}
/** As after a repair of the shapes that it was encoded with. */
const undecodableRow: MalformedRow = { text: '', line: 0, reason: 'the row can not be decoded' }

/** A malformed row as it was stored; what repair has put in one's place is told as what it is. */
export function rowOf(reader: Reader, payload: Uint8Array): MalformedRow {
  if (payload.length === 0 || payload[0] === lostMark) return lostRow
  try {
    const row = reader.of(payload) as MalformedRow | null
    return typeof row?.text === 'string' ? row : undecodableRow
  } catch {
    return undecodableRow
  }
}

/** Copies of a frame for those who keep it: a frame that leaves its call is no longer valid. */
export function kept(value: unknown): unknown {
  return value instanceof BufferFrame ? value.copy() : value
}
