import type { NativeSeat } from '../../native/addon.js'
import { marks } from '../../native/replies.js'

/** Which messages of a shard somebody waits for, as their worker sees it (native/shard/replies.h). */
export class Expectations {
  /** The last sequence that is awaited, low and high word. */
  readonly #last: Uint32Array
  readonly #marks: Uint8Array
  readonly #mask: number

  constructor({ marks: memory, marksAt, marksCapacity }: NativeSeat) {
    this.#last = new Uint32Array(memory, 0, 2)
    this.#marks = new Uint8Array(memory, marksAt, marksCapacity)
    this.#mask = marksCapacity - 1
  }

  /** Whether anybody has ever waited for a message. */
  get isUsed(): boolean {
    return this.#last[0] !== 0 || this.#last[1] !== 0
  }

  /** Whether this message, or one behind it, may be awaited. */
  from(sequence: number): boolean {
    // The low words tell, since no sender is 2^31 messages ahead.
    return this.isUsed && (((this.#last[0] as number) - sequence) | 0) >= 0
  }

  wantsResult(inFlight: number): boolean {
    return (this.#mark(inFlight) & marks.wantsResult) !== 0
  }

  isAwaited(inFlight: number): boolean {
    return (this.#mark(inFlight) & (marks.wantsOutcome | marks.wantsResult)) !== 0
  }

  #mark(sequence: number): number {
    return this.#marks[sequence & this.#mask] as number
  }
}
