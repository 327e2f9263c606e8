import { Encoder } from '../../codec/encoder.js'
import { Memory } from '../../codec/memory.js'
import { Reader } from '../../codec/reader.js'
import { TooLong, UnfitValue } from '../../codec/unfit.js'
import { InvalidArgumentError, toError } from '../../core/errors.js'

/** More is data, and no configuration. */
const bytesMax = 64 * 1024 * 1024

/**
 * A configuration as it is handed to workers: bytes, of which each thread that builds the pipeline makes
 * a value of its own. They are written nowhere; nor is the configuration, in errors or anywhere else.
 */
export class Config {
  readonly #bytes: Uint8Array | undefined

  /** @throws InvalidArgumentError naming the member that can't be carried */
  static of(config: unknown): Config {
    if (config === undefined) return new Config(undefined)
    const memory = new Memory(4096)
    let length: number
    try {
      length = new Encoder(memory).encode(config, 0, bytesMax)
    } catch (error) {
      if (error instanceof UnfitValue) {
        throw new InvalidArgumentError(
          `config${error.path}: ${error.why}; a worker gets a copy of it, so give plain data, and open what is none as a resource`,
        )
      }
      if (error instanceof TooLong) {
        throw new InvalidArgumentError(
          `config: it takes more than ${bytesMax} bytes; give the place of what is so large`,
        )
      }
      throw new InvalidArgumentError(
        `config: it can't be read: ${toError(error).message}; give plain data`,
        { cause: error },
      )
    }
    return new Config(Uint8Array.prototype.slice.call(memory.bytes, 0, length))
  }

  constructor(bytes: Uint8Array | undefined) {
    this.#bytes = bytes
  }

  /** For another thread; undefined: there is none. */
  get bytes(): Uint8Array | undefined {
    return this.#bytes
  }

  /** A value of the caller's own. */
  value(): unknown {
    return this.#bytes === undefined ? undefined : new Reader().of(this.#bytes)
  }
}
