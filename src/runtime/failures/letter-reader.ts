import { headersOf } from '../../codec/envelope.js'
import { Reader } from '../../codec/reader.js'
import type { ShapeStore } from '../../codec/shapes.js'
import { toError } from '../../core/errors.js'
import { noHeaders } from '../../core/headers.js'
import type { NativeDeadLetter } from '../../native/addon.js'
import { frameTypes } from '../../native/slots.js'
import { bareOf, rowOf } from '../message/decoder.js'
import { decodeHistory } from '../../reliability/attempts.js'
import type { DeadLetterRecord } from '../../reliability/dead-letter-record.js'
import type { DirectoryAccepts } from '../directory/inspect.js'

/** A message that failed for good, kept until it is retried or dropped. */
export interface DeadLetter extends DeadLetterRecord {
  /** Its number in the shard; with it, `retry` and `drop` name it. */
  readonly number: number
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
    try {
      return { ...told, ...this.#content(payload) }
    } catch (error) {
      return { ...told, undecodable: toError(error).message, payload: Buffer.from(payload) }
    }
  }

  #content(payload: Buffer): Pick<DeadLetter, 'message' | 'headers'> {
    const isFrame = this.#accepts?.kind === 'frames'
    const bare = bareOf(payload, isFrame ? this.#accepts.size : 0)
    const message = isFrame ? new Uint8Array(bare) : this.#reader.of(bare)
    const envelope = payload.subarray(0, payload.length - bare.length)
    const headers = envelope.length === 0 ? noHeaders : headersOf(envelope)
    return headers === noHeaders ? { message } : { message, headers }
  }
}
