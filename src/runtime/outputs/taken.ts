/** How many outputs a reader has taken of a shard's, for the connection that waits for that. */
export class Taken {
  /** All that was answered by `next`. */
  known = 0
  #count = 0
  #wake: (() => void) | undefined

  add(count: number): void {
    this.#count += count
    this.#wake?.()
  }

  /** Resolves when there are some: how many since the last answer. */
  async next(): Promise<number> {
    if (this.#count === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    const count = this.#count
    this.#count = 0
    this.known += count
    return count
  }
}
