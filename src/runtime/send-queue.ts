interface Waiting {
  /** Whether there was room. */
  readonly attempt: () => boolean
  readonly refused: (error: unknown) => void
}

/**
 * Sends that wait for room, in the order of their calls. Whatever comes later waits behind them, also
 * where room has come meanwhile: messages of a key are stored in the order in which they were sent.
 */
export class SendQueue {
  readonly #ready: () => Promise<void>
  #waiting: Waiting[] = []
  #isServing = false

  /** @param ready resolves when there is room, and rejects where there never will be */
  constructor(ready: () => Promise<void>) {
    this.#ready = ready
  }

  /** Lets in those that there is room for; whether nobody waits any more. */
  serve(): boolean {
    if (this.#waiting.length === 0) return true
    // A handler on this thread may send too, from inside of an attempt.
    if (this.#isServing) return false
    this.#isServing = true
    let served = 0
    for (const { attempt } of this.#waiting) {
      if (!attempt()) break
      served += 1
    }
    this.#waiting.splice(0, served)
    this.#isServing = false
    return this.#waiting.length === 0
  }

  /** `attempt` does not throw. */
  add(waiting: Waiting): void {
    this.#waiting.push(waiting)
    if (this.#waiting.length === 1) void this.#serveAll()
  }

  async #serveAll(): Promise<void> {
    try {
      do {
        await this.#ready()
      } while (!this.serve())
    } catch (error) {
      for (const { refused } of this.#waiting.splice(0)) refused(error)
    }
  }
}
