/** What comes, one after the other, until it fails or the signal is given. */
export class Inbox<T> {
  readonly #signal: AbortSignal
  readonly #waiting: T[] = []
  #failed: Error | undefined
  #wake: () => void = () => {}

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.#wake())
  }

  put(one: T): void {
    this.#waiting.push(one)
    this.#wake()
  }

  fail(error: Error): void {
    this.#failed = error
    this.#wake()
  }

  /**
   * The next one; undefined at the signal.
   * @throws what it has failed with, behind what came before
   */
  async next(): Promise<T | undefined> {
    while (!this.#signal.aborted) {
      if (this.#waiting.length > 0) return this.#waiting.shift()
      if (this.#failed !== undefined) throw this.#failed
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return undefined
  }
}
