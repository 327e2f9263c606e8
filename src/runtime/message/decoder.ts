import { Reader } from '../../codec/reader.js'
import type { MalformedRow } from '../../core/message.js'
import { kindHeaderShift } from '../../native/slots.js'
import type { Graph } from '../../pipeline/graph.js'
import { BufferFrame, FrameMemory, withFrame } from './frame.js'
import { shapesOf } from './structures.js'

/**
 * Payload bytes → the message that operators get. Objects are decoded in place from the ring, and raw
 * frames are read there, until `endFrames`.
 */
export class Decoder {
  /** Unset where the pipeline takes objects. */
  #frames: FrameMemory | undefined
  readonly #reader: Reader
  readonly #ring: Uint8Array
  readonly #view: DataView

  constructor(handle: number, graph: Graph, ring: ArrayBuffer) {
    this.#ring = new Uint8Array(ring)
    this.#view = new DataView(ring)
    this.#frames =
      graph.accepts.kind === 'frames' ? new FrameMemory(this.#view, graph.accepts.size) : undefined
    this.#reader = new Reader(shapesOf(handle).load)
  }

  /** The message at an offset of the ring. */
  at(offset: number, length: number): unknown {
    if (this.#frames !== undefined) return new BufferFrame(this.#frames, offset)
    return this.#reader.at(this.#ring, offset, offset + length)
  }

  /** The frames that were read in the ring until now are over, but for those that outlive the others. */
  endFrames(): void {
    const frames = this.#frames
    if (frames === undefined) return
    this.#frames = frames.again()
    frames.end()
  }

  /** A malformed row at an offset of the ring, whatever the pipeline takes. */
  rowAt(offset: number, length: number): MalformedRow {
    return this.row(this.#ring.subarray(offset, offset + length))
  }

  /** The message in bytes that stay as they are as long as it is looked at. */
  of(payload: Buffer): unknown {
    if (this.#frames === undefined) return this.#reader.of(payload)
    return BufferFrame.over(payload)
  }

  /** Lets a function look at the message; a frame ends with the call. */
  during<T>(payload: Buffer, look: (message: unknown) => T): T {
    if (this.#frames === undefined) return look(this.#reader.of(payload))
    return withFrame(payload, look)
  }

  /** A malformed row in bytes outside the ring, whatever the pipeline takes. */
  row(payload: Uint8Array): MalformedRow {
    return rowOf(this.#reader, payload)
  }

  /** When the message at an offset was taken in; a compact frame does not tell. */
  timeMs(offset: number, kind: number): number {
    const header = kind >>> kindHeaderShift
    if (header < 24) return Date.now()
    const low = this.#view.getUint32(offset - header + 16, true)
    const high = this.#view.getUint32(offset - header + 20, true)
    return (high * 2 ** 20 + (low >>> 12)) / 1000
  }
}

/** Where repair has put something in a lost message's place (native/repair/journal_mend.h). */
const lostByte = 0xc1
const lostRow: MalformedRow = {
  text: '',
  line: 0,
  reason: 'the message was damaged in the journal and cut out by semel repair',
}
/** As after a repair of the shapes that it was encoded with. */
const undecodableRow: MalformedRow = { text: '', line: 0, reason: 'the row can not be decoded' }

/** A row as its source gave it, which may have been any. */
function checkedRow(row: unknown): MalformedRow {
  const { text, line, reason } = row as { readonly [name in keyof MalformedRow]?: unknown }
  return {
    text: typeof text === 'string' ? text : '',
    line: typeof line === 'number' && Number.isSafeInteger(line) && line > 0 ? line : 0,
    reason: typeof reason === 'string' && reason !== '' ? reason : 'its source gives no reason',
  }
}

/** A malformed row as it was stored; what repair has put in one's place is told as what it is. */
export function rowOf(reader: Reader, payload: Uint8Array): MalformedRow {
  if (payload.length === 0 || payload[0] === lostByte) return lostRow
  try {
    return checkedRow(reader.of(payload))
  } catch {
    return undecodableRow
  }
}

/** What leaves the operators: of a frame its bytes, since it ends with its message. */
export function kept(value: unknown): unknown {
  return value instanceof BufferFrame ? value.copy() : value
}
