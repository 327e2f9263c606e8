import { toError } from '../core/errors.js'
import { answerHeaderBytes, answerKinds, type AnswerKind } from '../native/replies.js'
import { Encoder } from './encoder.js'

/** What a sender is told of its message besides the outcome. */
export type Answer =
  | { readonly results: readonly unknown[] }
  /** Why it was dropped. */
  | { readonly error: string }

const bytesMin = 16 * 1024

/**
 * The answers of a commit as the native core reads them (native/shard/answers.h), in one buffer that is
 * kept: they are valid until the next ones are written.
 */
export class AnswerWriter {
  readonly #payloadBytesMax: number
  readonly #bytesMax: number
  /** Records, without which a map and a plain object would be the same. */
  readonly #encoder = new Encoder()
  #buffer = Buffer.allocUnsafeSlow(bytesMin)
  #at = 0

  /** @param answerBytesMax the longest payload: an eighth of the ring */
  constructor(answerBytesMax: number) {
    this.#payloadBytesMax = answerBytesMax
    // More than the ring holds could never be told; half of it is left to the histories of dead letters.
    this.#bytesMax = answerBytesMax * 4
  }

  /** What there is no room for is told without: the message has its outcome all the same. */
  write(answers: ReadonlyMap<number, Answer>): Uint8Array {
    this.#at = 0
    for (const [sequence, answer] of answers) {
      if ('error' in answer) this.#text(sequence, answerKinds.error, answer.error)
      else this.#results(sequence, answer.results)
    }
    return new Uint8Array(this.#buffer.buffer, 0, this.#at)
  }

  #results(sequence: number, results: readonly unknown[]): void {
    const encoder = this.#encoder
    let why: string
    try {
      encoder.write(results, this.#buffer, this.#at + answerHeaderBytes)
      const { length, spilled } = encoder
      if (length <= this.#payloadBytesMax) {
        if (!this.#hasRoom(length)) return
        if (spilled !== undefined) this.#buffer.set(spilled, this.#at + answerHeaderBytes)
        this.#end(sequence, answerKinds.result, length)
        return
      }
      why = `the result takes ${length} bytes, and ${this.#payloadBytesMax} fit; open the stream with a larger ring`
    } catch (error) {
      why = `the result can't be encoded: ${toError(error).message}; let the operators put out plain data`
    }
    this.#text(sequence, answerKinds.lost, why)
  }

  #text(sequence: number, kind: AnswerKind, text: string): void {
    // A character takes three bytes at most.
    if (!this.#hasRoom(text.length * 3)) return
    this.#end(sequence, kind, this.#buffer.write(text, this.#at + answerHeaderBytes))
  }

  #hasRoom(payloadBytes: number): boolean {
    const end = this.#at + answerHeaderBytes + payloadBytes + 7
    if (end > this.#bytesMax) return false
    if (end > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, end))
      this.#buffer.copy(grown)
      this.#buffer = grown
    }
    return true
  }

  #end(sequence: number, kind: AnswerKind, payloadBytes: number): void {
    const at = this.#at
    this.#buffer.writeDoubleLE(sequence, at)
    this.#buffer.writeUInt32LE(kind, at + 8)
    this.#buffer.writeUInt32LE(payloadBytes, at + 12)
    this.#at = at + answerHeaderBytes + ((payloadBytes + 7) & ~7)
  }
}
