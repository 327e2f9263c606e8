import { Packr } from 'msgpackr/pack'
import { toError } from '../core/errors.js'
import type { NativeSeat } from '../native/addon.js'
import { answerBytes, answerKinds, type Answer } from '../native/replies.js'
import { outcomes } from '../native/slots.js'
import { Expectations } from './expectations.js'
import { errorText } from './failures.js'
import { ownersOf, type Finished } from './finished.js'
import type { SlotReader } from './slot-reader.js'

/** Records, without which a map and a plain object would be the same. */
const packr = new Packr()

/**
 * What the senders who wait are told of their messages besides the outcomes: results, and why one was
 * dropped. It is made when a batch is committed, and costs nothing where nobody waits.
 */
export class Answers {
  readonly #expectations: Expectations
  readonly #payloadBytesMax: number
  /** What the answers of one commit may take: more than the ring holds could never be told. */
  readonly #bytesMax: number
  readonly #slots: SlotReader

  constructor(seat: NativeSeat, slots: SlotReader) {
    this.#expectations = new Expectations(seat)
    this.#payloadBytesMax = seat.answerBytesMax
    // An eighth of the ring is the longest. Half of the ring is left to the histories of dead letters.
    this.#bytesMax = seat.answerBytesMax * 4
    this.#slots = slots
  }

  /** A message that is not tried again has failed. */
  dropped(sequence: number, error: unknown, finished: Finished): void {
    if (!this.#expectations.from(sequence) || !this.#expectations.isAwaited(sequence)) return
    this.#add(
      sequence,
      { kind: answerKinds.error, payload: Buffer.from(errorText(error)) },
      finished,
    )
  }

  /** The results of what is about to be written, `first` being the first message in flight. */
  gather(first: number, finished: Finished): void {
    const flying = this.#expectations.from(first)
    if (!flying && (finished.details.size === 0 || !this.#expectations.isUsed)) return
    const results = new Map<number, unknown[]>()
    const end = flying ? first + finished.count : first
    for (let sequence = first; sequence < end; sequence++) {
      const isProcessed = this.#slots.outcome(sequence) === outcomes.processed
      if (isProcessed && this.#expectations.wantsResult(sequence)) results.set(sequence, [])
    }
    // Of those that were parked the core knows who waits.
    for (const { sequence, outcome } of finished.details.values()) {
      if (sequence < first && outcome === outcomes.processed) results.set(sequence, [])
    }
    if (results.size === 0) return
    for (const [index, owners] of finished.owners.entries()) {
      for (const owner of ownersOf(owners)) results.get(owner)?.push(finished.outputs[index])
    }
    for (const [sequence, values] of results) this.#add(sequence, this.#encode(values), finished)
  }

  /** What there is no room for is told without: the message has its outcome all the same. */
  #add(sequence: number, answer: Answer, finished: Finished): void {
    const bytes = answerBytes(answer)
    if (finished.answersBytes + bytes > this.#bytesMax) return
    finished.answersBytes += bytes
    finished.answers.set(sequence, answer)
  }

  #encode(values: readonly unknown[]): Answer {
    let why: string
    try {
      const payload = packr.pack(values)
      if (payload.length <= this.#payloadBytesMax) return { kind: answerKinds.result, payload }
      why = `the result takes ${payload.length} bytes, and ${this.#payloadBytesMax} fit; open the stream with a larger ring`
    } catch (error) {
      why = `the result can't be encoded: ${toError(error).message}; let the operators put out plain data`
    }
    return { kind: answerKinds.lost, payload: Buffer.from(why) }
  }
}
