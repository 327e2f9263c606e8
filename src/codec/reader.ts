import { Unpackr } from 'msgpackr/unpack'
import { sharedShapesMax, type ShapeStore } from './shapes.js'

/** MessagePack → values, as `Encoder` writes them. */
export class Reader {
  readonly #unpackr: Unpackr
  readonly #range = { start: 0, end: 0 }

  /** @param load where the shared shapes are; none: every object carries its names */
  constructor(load?: ShapeStore['load']) {
    this.#unpackr = new Unpackr({
      ...(load === undefined ? {} : { getStructures: load, maxSharedStructures: sharedShapesMax }),
      // What it reads from is overwritten later: bytes inside a message must be its own.
      copyBuffers: true,
    } as never)
  }

  /** @param memory no Buffer: bytes in a message would be of its class */
  at(memory: Uint8Array, start: number, end: number): unknown {
    const range = this.#range
    range.start = start
    range.end = end
    return this.#unpackr.unpack(memory, range as never)
  }

  of({ buffer, byteOffset, length }: Uint8Array): unknown {
    return this.#unpackr.unpack(new Uint8Array(buffer, byteOffset, length))
  }
}
