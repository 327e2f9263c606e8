import type { Awaited, Teller } from './awaited.js'

/** What became of one message of many: told, refused at the door, or unknown. */
export type Status<T> =
  | { readonly status: 'acknowledged'; readonly value: T }
  | { readonly status: 'refused'; readonly error: unknown }
  | { readonly status: 'unknown'; readonly error: unknown }

/** Messages that are sent together, each with a status of its own; one resolution for all. */
export class Many<T> {
  readonly #statuses: (Status<T> | undefined)[] = []
  readonly #awaited = new Map<number, Awaited>()
  #isComplete = false
  #open = 0
  #done: ((statuses: readonly Status<T>[]) => void) | undefined

  /** One more; `make` is told how its sender is to be told, and gives nothing where that is done. */
  add(make: (teller: Teller<T>) => Awaited | undefined): void {
    const index = this.#statuses.push(undefined) - 1
    this.#open += 1
    let isOver = false
    const end = (status: Status<T>): void => {
      if (isOver) return
      isOver = true
      this.#statuses[index] = status
      this.#awaited.delete(index)
      this.#open -= 1
      this.#tellIfDone()
    }
    const awaited = make({
      resolve: (value) => end({ status: 'acknowledged', value }),
      reject: (error, isUnknown) => end({ status: isUnknown ? 'unknown' : 'refused', error }),
    })
    if (!isOver && awaited !== undefined) this.#awaited.set(index, awaited)
  }

  /** All have been sent; resolves when each has its status. */
  statuses(): Promise<readonly Status<T>[]> {
    this.#isComplete = true
    return new Promise((resolve) => {
      this.#done = resolve
      this.#tellIfDone()
    })
  }

  /** Whose sender still waits. */
  get waiting(): readonly Awaited[] {
    return [...this.#awaited.values()]
  }

  #tellIfDone(): void {
    if (this.#isComplete && this.#open === 0) this.#done?.(this.#statuses as Status<T>[])
  }
}
