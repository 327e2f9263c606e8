import type { Frame } from '../core/frame.js'

/** A raw frame read where it lies: one object, laid over one piece of memory after another. */
export class BufferFrame implements Frame {
  readonly length: number
  bytes: Uint8Array = new Uint8Array(0)
  offset = 0
  #view: DataView = new DataView(new ArrayBuffer(0))

  constructor(length: number) {
    this.length = length
  }

  /** Lays the frame over bytes, at their start. */
  over(bytes: Uint8Array): this {
    this.bytes = bytes
    this.offset = 0
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return this
  }

  /** Goes to another place in the same bytes. */
  moveTo(offset: number): this {
    this.offset = offset
    return this
  }

  u8(at: number): number {
    return this.#view.getUint8(this.#place(at, 1))
  }

  u32(at: number): number {
    return this.#view.getUint32(this.#place(at, 4), true)
  }

  i32(at: number): number {
    return this.#view.getInt32(this.#place(at, 4), true)
  }

  f64(at: number): number {
    return this.#view.getFloat64(this.#place(at, 8), true)
  }

  u64(at: number): bigint {
    return this.#view.getBigUint64(this.#place(at, 8), true)
  }

  copy(): Uint8Array {
    return this.bytes.slice(this.offset, this.offset + this.length)
  }

  #place(at: number, width: number): number {
    if (!(at >= 0 && at + width <= this.length)) {
      throw new RangeError(
        `a read of ${width} bytes at ${at} leaves the frame of ${this.length} bytes`,
      )
    }
    return this.offset + at
  }
}
