import type { Awaited } from '../../acknowledge/awaited.js'

interface Waiting {
  readonly number: number
  readonly message: unknown
  readonly awaited: Awaited
  /** Called when it waits no more. */
  readonly left?: () => void
}

/**
 * Sends that wait for room, in the order of their calls. Whatever comes later waits behind them, also
 * where room has come meanwhile: messages of a key are stored in the order in which they were sent.
 */
export class SendQueue {
  readonly #attempt: (message: unknown, awaited: Awaited) => boolean
  #waiting: Waiting[] = []
  #last = 0
  #isServing = false

  /** @param attempt whether there was room; it does not throw */
  constructor(attempt: (message: unknown, awaited: Awaited) => boolean) {
    this.#attempt = attempt
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  get size(): number {
    return this.#waiting.length
  }

  /** The number of the one that was added last: 1, 2, 3 … */
  get last(): number {
    return this.#last
  }

  /** Whether all up to this number wait no more. */
  hasPassed(number: number): boolean {
    const [first] = this.#waiting
    return first === undefined || first.number > number
  }

  /**
   * Adds one.
   * @param left called when it waits no more, whatever has become of it
   */
  add(message: unknown, awaited: Awaited, left?: () => void): void {
    const number = ++this.#last
    this.#waiting.push({ number, message, awaited, ...(left === undefined ? {} : { left }) })
  }

  /** Takes one back; false where it is not here any more. */
  withdraw(awaited: Awaited): boolean {
    const at = this.#waiting.findIndex((waiting) => waiting.awaited === awaited)
    // In the middle of serving, the array is being walked.
    if (at < 0 || this.#isServing) return false
    const [withdrawn] = this.#waiting.splice(at, 1)
    withdrawn?.left?.()
    return true
  }

  /** Lets in those that there is room for; whether nobody waits any more. */
  serve(): boolean {
    if (this.#waiting.length === 0) return true
    // A handler on this thread may send too, from inside of an attempt.
    if (this.#isServing) return false
    this.#isServing = true
    let served = 0
    for (const { message, awaited } of this.#waiting) {
      if (!this.#attempt(message, awaited)) break
      served += 1
    }
    const entered = this.#waiting.splice(0, served)
    this.#isServing = false
    for (const { left } of entered) left?.()
    return this.#waiting.length === 0
  }

  fail(error: unknown): void {
    for (const { awaited, left } of this.#waiting.splice(0)) {
      awaited.refused(error)
      left?.()
    }
  }
}
