import { Packr } from 'msgpackr/pack'

/** msgpackr's mode that returns the buffer it wrote into, with `start` and `end`. */
const reuseBuffer = 512

/**
 * msgpackr, writing straight into a buffer of ours. It writes at a place that all its users in a thread
 * share, so that place is set before each value, and afterwards left where nobody else's value can land
 * in the buffer.
 */
export class Encoder {
  readonly #packr: Packr
  /** Where the last value lies. */
  start = 0
  length = 0
  /** The last value, where the buffer had no room for it. */
  spilled: Uint8Array | undefined

  constructor(options: object = {}) {
    this.#packr = new Packr(options as never)
  }

  /** @throws what msgpackr throws for a value that can't be encoded */
  write(value: unknown, into: Buffer, at: number): void {
    const packr = this.#packr
    let packed: Buffer & { start?: number; end?: number }
    packr.useBuffer(into)
    ;(packr as unknown as { position: number }).position = at
    try {
      packed = packr.pack(value, reuseBuffer as never)
    } finally {
      packr.useBuffer(into)
      ;(packr as unknown as { position: number }).position = into.length
    }
    this.spilled = undefined
    if (packed === into) {
      this.start = packed.start as number
      this.length = (packed.end as number) - this.start
    } else if (packed.buffer === into.buffer) {
      // A new shape was saved on the way: a part of our buffer comes back.
      this.start = packed.byteOffset - into.byteOffset
      this.length = packed.length
    } else {
      // A buffer of its own, of which the value is a part, unless a new shape was saved.
      this.spilled = packed.end === undefined ? packed : packed.subarray(packed.start, packed.end)
      this.length = this.spilled.length
    }
  }
}
