import { Encoder } from '../../codec/encoder.js'
import { Memory } from '../../codec/memory.js'
import { TooLong, UnfitValue } from '../../codec/unfit.js'
import { toError } from '../../core/errors.js'
import type { Answer } from '../operators/finished.js'
import { answerHeaderBytes, answerKinds, type AnswerKind } from '../../native/replies.js'

const bytesMin = 16 * 1024

/**
 * The answers of a commit as the native core reads them (native/shard/answers.h), in one buffer that is
 * kept: they are valid until the next ones are written.
 */
export class AnswerWriter {
  readonly #payloadBytesMax: number
  readonly #bytesMax: number
  /** Records, without which a map and a plain object would be the same. */
  readonly #encoder: Encoder
  readonly #memory = new Memory(bytesMin)
  #at = 0

  /** @param answerBytesMax the longest payload: an eighth of the ring */
  constructor(answerBytesMax: number) {
    this.#payloadBytesMax = answerBytesMax
    // More than the ring holds could never be told; half of it is left to the histories of dead letters.
    this.#bytesMax = answerBytesMax * 4
    this.#encoder = new Encoder(this.#memory)
  }

  /** What there is no room for is told without: the message has its outcome all the same. */
  write(answers: ReadonlyMap<number, Answer>): Uint8Array {
    this.#at = 0
    for (const [sequence, answer] of answers) {
      if ('error' in answer) this.#text(sequence, answerKinds.error, answer.error)
      else this.#results(sequence, answer.results)
    }
    return new Uint8Array(this.#memory.bytes.buffer, 0, this.#at)
  }

  #results(sequence: number, results: readonly unknown[]): void {
    const start = this.#at + answerHeaderBytes
    let length: number
    try {
      length = this.#encoder.encode(results, start, this.#payloadBytesMax) - start
    } catch (error) {
      this.#text(sequence, answerKinds.lost, this.#whyLost(error))
      return
    }
    if (this.#hasRoom(length)) this.#end(sequence, answerKinds.result, length)
  }

  #whyLost(error: unknown): string {
    if (error instanceof TooLong) {
      return `the result takes more than the ${this.#payloadBytesMax} bytes that fit; open the stream with a larger ring`
    }
    const what =
      error instanceof UnfitValue ? `result${error.path}: ${error.why}` : toError(error).message
    return `the result can't be encoded: ${what}; let the operators put out plain data`
  }

  #text(sequence: number, kind: AnswerKind, text: string): void {
    // A character takes three bytes at most.
    if (!this.#hasRoom(text.length * 3)) return
    this.#end(
      sequence,
      kind,
      this.#memory.putText(text.toWellFormed(), this.#at + answerHeaderBytes),
    )
  }

  #hasRoom(payloadBytes: number): boolean {
    const end = this.#at + answerHeaderBytes + payloadBytes + 7
    if (end > this.#bytesMax) return false
    this.#memory.reserve(end)
    return true
  }

  #end(sequence: number, kind: AnswerKind, payloadBytes: number): void {
    const at = this.#at
    const { bytes } = this.#memory
    bytes.writeDoubleLE(sequence, at)
    bytes.writeUInt32LE(kind, at + 8)
    bytes.writeUInt32LE(payloadBytes, at + 12)
    this.#at = at + answerHeaderBytes + ((payloadBytes + 7) & ~7)
  }
}
