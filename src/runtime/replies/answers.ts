import type { NativeSeat } from '../../native/addon.js'
import { outcomes } from '../../native/slots.js'
import { AnswerWriter } from './answer-writer.js'
import { Expectations } from './expectations.js'
import { errorText } from '../../reliability/attempts.js'
import { ownersOf, type Finished } from '../operators/finished.js'
import { valueOf } from '../operators/routed.js'
import type { SlotReader } from '../operators/slot-reader.js'

/**
 * What the senders who wait are told of their messages besides the outcomes: results, and why one was
 * dropped. It is made when a batch is committed, and costs nothing where nobody waits.
 */
export class Answers {
  readonly #expectations: Expectations
  readonly #writer: AnswerWriter
  readonly #slots: SlotReader

  constructor(seat: NativeSeat, slots: SlotReader) {
    this.#expectations = new Expectations(seat)
    this.#writer = new AnswerWriter(seat.answerBytesMax)
    this.#slots = slots
  }

  /** Whether the sender of a message in flight waits for its outcome, or may ask for it. */
  isAwaited(sequence: number): boolean {
    return this.#expectations.from(sequence) && this.#expectations.isAwaited(sequence)
  }

  /** Whether the sender of a message in flight waits for its result. */
  wantsResult(sequence: number): boolean {
    return this.#expectations.from(sequence) && this.#expectations.wantsResult(sequence)
  }

  /** A message that is not tried again has failed. */
  dropped(sequence: number, error: unknown, finished: Finished): void {
    if (!this.isAwaited(sequence)) return
    finished.answers.set(sequence, { error: errorText(error) })
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
    for (const [index, output] of finished.outputs.entries()) {
      for (const owner of ownersOf(finished.ownersAt(index)))
        results.get(owner)?.push(valueOf(output))
    }
    for (const [sequence, values] of results) finished.answers.set(sequence, { results: values })
  }

  /** As the core reads them, until the next call; undefined where there are none. */
  encode({ answers }: Finished): Uint8Array | undefined {
    return answers.size === 0 ? undefined : this.#writer.write(answers)
  }
}
