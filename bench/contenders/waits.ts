/** Waits until as many things have happened as were expected. */
export class Countdown {
  #missing = 0
  #resolve: (() => void) | undefined
  #reject: ((reason: Error) => void) | undefined

  expect(count: number): Promise<void> {
    this.#missing += count
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  happened(count = 1): void {
    this.#missing -= count
    if (this.#missing === 0) this.#resolve?.()
  }

  failed(reason: Error): void {
    this.#reject?.(reason)
  }
}

/** Lets at most so many promises be under way; the first that fails fails `room` and `all`. */
export class InFlight {
  readonly #most: number
  #count = 0
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor(most: number) {
    this.#most = most
  }

  add(promise: Promise<unknown>): void {
    this.#count += 1
    promise.then(
      () => this.#ended(),
      (error: unknown) => {
        this.#error ??= error instanceof Error ? error : new Error(String(error))
        this.#ended()
      },
    )
  }

  get full(): boolean {
    return this.#count >= this.#most
  }

  async room(): Promise<void> {
    while (this.full) await this.#next()
    if (this.#error !== undefined) throw this.#error
  }

  async all(): Promise<void> {
    while (this.#count > 0) await this.#next()
    if (this.#error !== undefined) throw this.#error
  }

  #ended(): void {
    this.#count -= 1
    this.#wake?.()
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
