/** A scalar takes at most so many bytes, with its header. */
export const scalarBytesMax = 16

/**
 * Bytes that are written one behind another, in one buffer that grows. What was written stays where it
 * was, counted from the start: whoever kept a buffer of before asks for `bytes` anew.
 */
export class Memory {
  bytes: Buffer
  view: DataView

  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytes)
    this.view = viewOf(this.bytes)
  }

  /** Makes room up to `end`, and for a scalar behind it. Everything is kept, whether counted yet or not. */
  reserve(end: number): void {
    const wanted = end + scalarBytesMax
    if (wanted <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, (wanted + 4095) & ~4095))
    this.bytes.copy(grown)
    this.bytes = grown
    this.view = viewOf(grown)
  }

  /** Copies bytes to an offset. */
  put(bytes: Uint8Array, at: number): void {
    this.reserve(at + bytes.length)
    this.bytes.set(bytes, at)
  }

  /** Writes a well-formed text in UTF-8; how many bytes it takes. */
  putText(text: string, at: number): number {
    this.reserve(at + text.length * 3)
    return this.bytes.write(text, at)
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}
