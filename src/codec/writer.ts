import { typedArrayCodes, typedArrayKind } from './carried.js'
import { scalarBytesMax, type Memory } from './memory.js'
import { TooLong, UnfitValue } from './unfit.js'

/** Texts up to here are written letter by letter, longer ones by Node. */
const shortText = 48
/** From here to 127 the short form of a number stands for a shared shape. */
export const firstRecord = 0x40

/** Writes MessagePack's parts one behind another: everything but what has others inside. */
export class Writer {
  readonly memory: Memory
  bytes: Buffer
  view: DataView
  /** Where the next byte goes. */
  at = 0
  /** Behind it the message is too long. */
  #end = 0
  /** Up to here there is room for a scalar, in the memory and in the message. */
  #safe = 0

  constructor(memory: Memory) {
    this.memory = memory
    this.bytes = memory.bytes
    this.view = memory.view
  }

  begin(at: number, bytesMax: number): void {
    this.at = at
    this.#end = at + bytesMax
    this.#look()
  }

  /** Where the message ends. */
  end(): number {
    if (this.at > this.#end) throw new TooLong()
    return this.at
  }

  /** Room for a scalar. */
  next(): void {
    if (this.at > this.#safe) this.reserve(0)
  }

  byte(byte: number): void {
    this.bytes[this.at++] = byte
  }

  /** fixext 1 of type 0, as several writers have it. */
  nothing(): void {
    this.byte(0xd4)
    this.byte(0)
    this.byte(0)
  }

  number(value: number): void {
    const bytes = this.bytes
    let at = this.at
    if (value >>> 0 === value && (value !== 0 || Object.is(value, 0))) {
      // From 64 to 127 the short form stands for shapes.
      if (value < firstRecord) {
        bytes[at++] = value
      } else if (value < 0x100) {
        bytes[at++] = 0xcc
        bytes[at++] = value
      } else if (value < 0x10000) {
        bytes[at++] = 0xcd
        bytes[at++] = value >>> 8
        bytes[at++] = value & 0xff
      } else {
        bytes[at++] = 0xce
        this.view.setUint32(at, value)
        at += 4
      }
    } else if (value >> 0 === value && value !== 0) {
      if (value >= -0x20) {
        bytes[at++] = 0x100 + value
      } else {
        bytes[at++] = 0xd2
        this.view.setInt32(at, value)
        at += 4
      }
    } else {
      bytes[at++] = 0xcb
      this.view.setFloat64(at, value)
      at += 8
    }
    this.at = at
  }

  bigint(value: bigint): void {
    if (value >= -(2n ** 63n) && value < 2n ** 63n) {
      this.bytes[this.at++] = 0xd3
      this.view.setBigInt64(this.at, value)
    } else if (value >= 0n && value < 2n ** 64n) {
      this.bytes[this.at++] = 0xcf
      this.view.setBigUint64(this.at, value)
    } else {
      throw new UnfitValue("a bigint of more than 64 bits can't be carried; give it as a text")
    }
    this.at += 8
  }

  text(text: string): void {
    const { length } = text
    if (length <= shortText) {
      if (this.at + length > this.#safe) this.reserve(length)
      const bytes = this.bytes
      const start = this.at
      const first = start + (length < 0x20 ? 1 : 2)
      let to = first
      for (let at = 0; at < length; at++) {
        const unit = text.charCodeAt(at)
        if (unit >= 0x80) {
          this.#longText(text)
          return
        }
        bytes[to++] = unit
      }
      if (length < 0x20) {
        bytes[start] = 0xa0 | length
      } else {
        bytes[start] = 0xd9
        bytes[start + 1] = length
      }
      this.at = to
    } else {
      this.#longText(text)
    }
  }

  #longText(text: string): void {
    if (!text.isWellFormed()) {
      throw new UnfitValue(
        "a text with half of a surrogate pair can't be carried; see toWellFormed()",
      )
    }
    this.#checkRoom(text.length)
    // Where that may be megabytes too much, it is worth to count.
    const bytesMax = text.length < 0x4000 ? text.length * 3 : Buffer.byteLength(text)
    this.reserve(bytesMax)
    const start = this.at
    const header = headerBytes(bytesMax)
    const length = this.bytes.write(text, start + header)
    const needed = headerBytes(length)
    if (needed < header) {
      this.bytes.copyWithin(start + needed, start + header, start + header + length)
    }
    if (needed === 1) this.bytes[start] = 0xa0 | length
    else this.#header(start, 0xd9, needed, length)
    this.at = start + needed + length
  }

  /** A length behind one of three tokens that follow each other: of 8, 16 and 32 bits. */
  #header(at: number, token: number, bytes: number, length: number): void {
    if (bytes === 2) {
      this.bytes[at] = token
      this.bytes[at + 1] = length
    } else if (bytes === 3) {
      this.bytes[at] = token + 1
      this.view.setUint16(at + 1, length)
    } else {
      this.bytes[at] = token + 2
      this.view.setUint32(at + 1, length)
    }
  }

  arrayHeader(length: number): void {
    if (length < 0x10) this.bytes[this.at++] = 0x90 | length
    else this.#countHeader(0xdc, length)
  }

  #countHeader(token: number, length: number): void {
    if (length < 0x10000) {
      this.bytes[this.at] = token
      this.view.setUint16(this.at + 1, length)
      this.at += 3
    } else {
      this.bytes[this.at] = token + 1
      this.view.setUint32(this.at + 1, length)
      this.at += 5
    }
  }

  mapHeader(length: number): void {
    if (length < 0x10) this.byte(0x80 | length)
    else this.#countHeader(0xde, length)
  }

  date(ms: number): void {
    if (Number.isNaN(ms)) throw new UnfitValue("an invalid Date can't be carried; give null")
    const bytes = this.bytes
    const seconds = Math.floor(ms / 1000)
    const nanos = (ms - seconds * 1000) * 1_000_000
    if (seconds >= 0 && seconds < 2 ** 34) {
      bytes[this.at++] = 0xd7
      bytes[this.at++] = 0xff
      this.view.setUint32(this.at, nanos * 4 + Math.floor(seconds / 2 ** 32))
      this.view.setUint32(this.at + 4, seconds >>> 0)
      this.at += 8
    } else {
      bytes[this.at++] = 0xc7
      bytes[this.at++] = 12
      bytes[this.at++] = 0xff
      this.view.setUint32(this.at, nanos)
      this.view.setBigInt64(this.at + 4, BigInt(seconds))
      this.at += 12
    }
  }

  binary(bytes: Uint8Array): void {
    const { length } = bytes
    this.#checkRoom(length)
    const header = length < 0x100 ? 2 : length < 0x10000 ? 3 : 5
    this.reserve(header + length)
    this.#header(this.at, 0xc4, header, length)
    this.bytes.set(bytes, this.at + header)
    this.at += header + length
  }

  typedArray(array: ArrayBufferView): void {
    const length = array.byteLength + 1
    this.#checkRoom(length)
    const header = length < 0x100 ? 2 : length < 0x10000 ? 3 : 5
    this.reserve(header + 2 + length)
    this.#header(this.at, 0xc7, header, length)
    this.at += header
    this.bytes[this.at++] = 0x74
    this.bytes[this.at++] = typedArrayCodes.get(typedArrayKind(array)) as number
    const { buffer, byteOffset, byteLength } = array
    this.bytes.set(new Uint8Array(buffer, byteOffset, byteLength), this.at)
    this.at += byteLength
  }

  /** What was written from `from` on goes in front of what begins at `start`, in place of the bytes up to `kept`. */
  moveInFront(from: number, start: number, kept: number): void {
    const length = this.at - from
    const head = Buffer.from(this.bytes.subarray(from, this.at))
    this.bytes.copyWithin(start + length, kept, from)
    this.bytes.set(head, start)
    this.at = start + length + (from - kept)
  }

  /** Room for so many bytes, and for a scalar behind them. */
  reserve(bytes: number): void {
    if (this.at > this.#end) throw new TooLong()
    this.memory.reserve(this.at + bytes)
    this.#look()
  }

  #look(): void {
    this.bytes = this.memory.bytes
    this.view = this.memory.view
    this.#safe = Math.min(this.bytes.length - scalarBytesMax, this.#end)
  }

  /** Before memory is asked for: so many bytes at least are to come. */
  #checkRoom(bytes: number): void {
    if (this.at + bytes > this.#end) throw new TooLong()
  }
}

function headerBytes(length: number): number {
  if (length < 0x20) return 1
  return length < 0x100 ? 2 : length < 0x10000 ? 3 : 5
}
