import { envelopeByte, envelopeBytesAt } from '../../codec/envelope.js'
import { Reader } from '../../codec/reader.js'
import { SemelError } from '../../core/errors.js'
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
  /** Of a raw frame, in bytes; 0 where the pipeline takes objects. */
  readonly #frameSize: number
  readonly #reader: Reader
  readonly #ring: Uint8Array
  readonly #view: DataView

  constructor(handle: number, graph: Graph, ring: ArrayBuffer) {
    this.#ring = new Uint8Array(ring)
    this.#view = new DataView(ring)
    const { accepts } = graph
    this.#frameSize = accepts.kind === 'frames' ? accepts.size : 0
    this.#frames = this.#frameSize === 0 ? undefined : new FrameMemory(this.#view, this.#frameSize)
    this.#reader = new Reader(shapesOf(handle).load)
  }

  /** Whether nothing but the message itself lies at an offset of the ring, as far as one look tells. */
  isBare(offset: number, length: number): boolean {
    return this.#frameSize === 0 ? this.#ring[offset] !== envelopeByte : length === this.#frameSize
  }

  /** The envelope in front of a message, which lives as long as that; undefined where it has none. */
  envelopeOf(payload: Buffer): Buffer | undefined {
    if (this.#frameSize > 0 && payload.length <= this.#frameSize) return undefined
    const bytes = envelopeBytesAt(payload, 0, payload.length)
    return bytes === 0 ? undefined : payload.subarray(0, bytes)
  }

  /** The message at an offset of the ring where it is bare. */
  at(offset: number, length: number): unknown {
    if (this.#frames !== undefined) return new BufferFrame(this.#frames, offset)
    return this.#reader.at(this.#ring, offset, offset + length)
  }

  /** The same behind its envelope. */
  behindEnvelope(offset: number, length: number): unknown {
    const skip = envelopeBytesAt(this.#ring, offset, length)
    const bare = length - skip
    if (this.#frames !== undefined && bare !== this.#frameSize) {
      throw noFrame(bare, this.#frameSize)
    }
    return this.at(offset + skip, bare)
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

  /** The message in a payload that stays as it is as long as the message is looked at. */
  of(payload: Buffer): unknown {
    const bare = this.#bare(payload)
    if (this.#frames === undefined) return this.#reader.of(bare)
    return BufferFrame.over(bare)
  }

  /** Lets a function look at the message; a frame ends with the call. */
  during<T>(payload: Buffer, look: (message: unknown) => T): T {
    const bare = this.#bare(payload)
    if (this.#frames === undefined) return look(this.#reader.of(bare))
    return withFrame(bare, look)
  }

  #bare(payload: Buffer): Buffer {
    return bareOf(payload, this.#frameSize)
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

/**
 * A payload without the envelope in front of its message.
 * @param frameSize of a raw frame, in bytes; 0 where the pipeline takes objects
 * @throws SemelError where it has not the size of a frame then
 */
export function bareOf(payload: Buffer, frameSize: number): Buffer {
  const isBare = frameSize === 0 ? payload[0] !== envelopeByte : payload.length === frameSize
  if (isBare) return payload
  const bytes = envelopeBytesAt(payload, 0, payload.length)
  const bare = bytes === 0 ? payload : payload.subarray(bytes)
  if (frameSize > 0 && bare.length !== frameSize) throw noFrame(bare.length, frameSize)
  return bare
}

function noFrame(length: number, frameSize: number): SemelError {
  return new SemelError('SEMEL_DAMAGED', `it has ${length} bytes, and a frame has ${frameSize}`)
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
