import { SemelError } from '../../core/errors.js'
import type { Frame } from '../../core/frame.js'

/** Memory that frames of one size lie in, until it is used for something else. */
export class FrameMemory {
  readonly view: DataView
  /** Of a frame, in bytes. */
  readonly length: number
  /** The same, and −1 when the frames have ended: one comparison tells both. */
  size: number

  constructor(view: DataView, length: number) {
    this.view = view
    this.length = length
    this.size = length
  }

  /** Whoever still has a frame of it can't read it any more. */
  end(): void {
    this.size = -1
  }

  /** The same memory for other frames. */
  again(): FrameMemory {
    return new FrameMemory(this.view, this.length)
  }
}

function memoryOf({ buffer, byteOffset, length }: Uint8Array): FrameMemory {
  return new FrameMemory(new DataView(buffer, byteOffset, length), length)
}

/**
 * A raw frame read where it lies. Each message has a frame object of its own, so that one which is kept
 * never shows another message's bytes.
 */
export class BufferFrame implements Frame {
  #memory: FrameMemory
  readonly #start: number

  constructor(memory: FrameMemory, start: number) {
    this.#memory = memory
    this.#start = start
  }

  /** A frame of all these bytes. */
  static over(bytes: Uint8Array): BufferFrame {
    return new BufferFrame(memoryOf(bytes), 0)
  }

  /** It goes on although the others of its memory end; what ends it then. */
  outlive(): FrameMemory {
    this.#memory = this.#memory.again()
    return this.#memory
  }

  get bytes(): Uint8Array {
    return this.copy()
  }

  get offset(): number {
    return 0
  }

  get length(): number {
    return this.#memory.length
  }

  u8(at: number): number {
    return this.#memory.view.getUint8(this.#offsetOf(at, 1))
  }

  u32(at: number): number {
    return this.#memory.view.getUint32(this.#offsetOf(at, 4), true)
  }

  i32(at: number): number {
    return this.#memory.view.getInt32(this.#offsetOf(at, 4), true)
  }

  f64(at: number): number {
    return this.#memory.view.getFloat64(this.#offsetOf(at, 8), true)
  }

  u64(at: number): bigint {
    return this.#memory.view.getBigUint64(this.#offsetOf(at, 8), true)
  }

  copy(): Uint8Array {
    // Refused first: once the stream is closed, its memory can't be asked where it was.
    const offset = this.#offsetOf(0, this.length)
    const { buffer, byteOffset } = this.#memory.view
    return new Uint8Array(buffer, byteOffset + offset, this.length).slice()
  }

  /** @throws SemelError always: as JSON it would come to nothing */
  toJSON(): never {
    throw new SemelError('SEMEL_FRAME', 'a frame is no plain data; put out frame.copy()')
  }

  #offsetOf(at: number, width: number): number {
    // A text would be put behind the start, and so be an offset in another frame.
    if (typeof at === 'number' && at >= 0 && at + width <= this.#memory.size) {
      return this.#start + at
    }
    throw this.#refusal(at, width)
  }

  #refusal(at: unknown, width: number): Error {
    if (this.#memory.size < 0) {
      return new SemelError(
        'SEMEL_FRAME',
        'the frame is read after its message has ended; read out what must live longer, or keep frame.copy()',
      )
    }
    return new RangeError(
      `a read of ${width} bytes at ${String(at)} leaves the frame of ${this.length} bytes`,
    )
  }
}

/** Lets a function read bytes as a frame, which ends with the call. */
export function withFrame<T>(bytes: Uint8Array, read: (frame: BufferFrame) => T): T {
  const memory = memoryOf(bytes)
  try {
    return read(new BufferFrame(memory, 0))
  } finally {
    memory.end()
  }
}
