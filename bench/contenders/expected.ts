import type { Totals } from './tally.js'
import { tradeOf } from './trades.js'

/** What the handlers must have come to, from the beginning. */
export class Expected {
  #handled = 0
  #sum = 0

  /** The id that follows those that were sent. */
  get next(): number {
    return this.#handled + 1
  }

  sent(first: number, count: number): void {
    for (let id = first; id < first + count; id++) {
      const { price, size } = tradeOf(id)
      this.#sum += price * size
    }
    this.#handled += count
  }

  /** @throws Error where messages are missing, were handled again or were not what was sent */
  check({ handled, sum }: Totals): void {
    if (handled === this.#handled && sum === this.#sum) return
    throw new Error(
      `${handled} of ${this.#handled} messages were handled, with a sum of ${sum} for ${this.#sum}`,
    )
  }
}
