import { SemelError, toError } from '../../../core/errors.js'
import { RejectedOutputs } from '../../../core/sink.js'

/** What is kept between batches; a larger batch gets memory of its own. */
const keptBytesMax = 4 * 1024 * 1024

/** Turns a batch of outputs into the bytes of its lines, in memory that is used again and again. */
export class JsonLines {
  #buffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024)

  /**
   * The lines of all outputs; valid until the next call.
   * @throws RejectedOutputs where JSON has no form for an output
   */
  encode(outputs: readonly unknown[]): Buffer {
    const text = lines(outputs)
    // A code unit takes at most 3 bytes: most batches need no second look at their text.
    if (text.length * 3 <= this.#buffer.length) return this.#encoded(text)
    const bytes = Buffer.byteLength(text)
    if (bytes > keptBytesMax) return Buffer.from(text)
    if (bytes > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.min(bytes * 2, keptBytesMax))
    }
    return this.#encoded(text)
  }

  #encoded(text: string): Buffer {
    return this.#buffer.subarray(0, this.#buffer.write(text, 0, 'utf8'))
  }
}

function lines(outputs: readonly unknown[]): string {
  let text = ''
  let rejected: Map<number, Error> | undefined
  for (let i = 0; i < outputs.length; i++) {
    try {
      // Typed as a string, but undefined for what JSON leaves out.
      const line = JSON.stringify(outputs[i]) as string | undefined
      if (line === undefined) {
        throw new SemelError(
          'SEMEL_OUTPUT',
          `the output is ${typeof outputs[i]}, and JSON has no form for it; filter it, or map it to a value`,
        )
      }
      text += line + '\n'
    } catch (thrown) {
      rejected ??= new Map()
      rejected.set(i, toError(thrown))
    }
  }
  if (rejected !== undefined) throw new RejectedOutputs(rejected)
  return text
}
