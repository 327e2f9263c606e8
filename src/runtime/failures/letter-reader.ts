import { Reader } from '../../codec/reader.js'
import type { ShapeStore } from '../../codec/shapes.js'
import { toError } from '../../core/errors.js'
import type { MalformedRow } from '../../core/message.js'
import type { NativeDeadLetter } from '../../native/addon.js'
import { frameTypes } from '../../native/slots.js'
import { rowOf } from '../message/decoder.js'
import { decodeHistory, type FailedAttempt } from '../../reliability/attempts.js'
import type { DirectoryAccepts } from '../directory/inspect.js'

/** A message that failed for good, kept until it is retried or dropped. */
export interface DeadLetter {
  readonly shard: number
  /** Its number in the shard; with it, `retry` and `drop` name it. */
  readonly number: number
  readonly sequence: number
  /** When the message was taken in, in milliseconds since 1970. */
  readonly timeMs: number
  readonly attempts: number
  /** The latest failures, oldest first. */
  readonly history: readonly FailedAttempt[]
  /** As operators got it (of raw frames the bytes); of a malformed row, or an undecodable one, none. */
  readonly message?: unknown
  readonly malformed?: MalformedRow
  /** Why the message can't be shown; it can be retried and dropped like any other. */
  readonly undecodable?: string
  /** The bytes as they are stored, where they can't be decoded. */
  readonly payload?: Buffer
}

/** Stored letters as they are shown: one that can't be decoded hides no other. */
export class LetterReader {
  readonly #accepts: DirectoryAccepts | undefined
  readonly #reader: Reader

  /**
   * @param accepts undefined where nobody knows
   * @param load the shapes that objects were stored with
   */
  constructor(accepts: DirectoryAccepts | undefined, load: ShapeStore['load']) {
    this.#accepts = accepts
    this.#reader = new Reader(load)
  }

  read({ type, payload, history, ...letter }: NativeDeadLetter, shard: number): DeadLetter {
    const told = { ...letter, shard, history: decodeHistory(history) }
    if (type === frameTypes.malformed) return { ...told, malformed: rowOf(this.#reader, payload) }
    const bytes = Buffer.from(payload)
    if (this.#accepts?.kind === 'frames') {
      const { size } = this.#accepts
      if (payload.length === size) return { ...told, message: new Uint8Array(payload) }
      const undecodable = `it has ${payload.length} bytes, and a frame has ${size}`
      return { ...told, undecodable, payload: bytes }
    }
    try {
      return { ...told, message: this.#reader.of(payload) }
    } catch (error) {
      return { ...told, undecodable: toError(error).message, payload: bytes }
    }
  }
}
