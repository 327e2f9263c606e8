import type { Place } from '../../core/replayable-source.js'

/** Tells a connection which places are safe: one call at a time, each with the newest. */
export class SafeTeller {
  readonly #safe: ((places: readonly Place[]) => void | Promise<void>) | undefined
  readonly #failed: (error: unknown) => void
  #telling: Promise<void> | undefined
  #isOver = false

  /** @param failed called once, with what the connection threw */
  constructor(
    safe: ((places: readonly Place[]) => void | Promise<void>) | undefined,
    failed: (error: unknown) => void,
  ) {
    this.#safe = safe
    this.#failed = failed
  }

  /** Whether somebody listens. */
  get isHeard(): boolean {
    return this.#safe !== undefined && !this.#isOver
  }

  /** Whether a call is under way. */
  get isTelling(): boolean {
    return this.#telling !== undefined
  }

  /**
   * Behind the call that is under way, where there is one.
   * @param newest what is to be told, asked when it is its turn
   */
  async tell(newest: () => readonly Place[]): Promise<void> {
    while (this.#telling !== undefined) await this.#telling
    if (!this.isHeard) return
    const places = newest()
    if (places.length === 0) return
    this.#telling = this.#call(places)
    await this.#telling
  }

  /** Nothing is told any more. */
  end(): void {
    this.#isOver = true
  }

  async #call(places: readonly Place[]): Promise<void> {
    try {
      // A promise also of what throws at once: the call is to be known as under way before it is over.
      await (async () => this.#safe?.(places))()
    } catch (error) {
      if (this.#isOver) return
      this.end()
      this.#failed(error)
    } finally {
      this.#telling = undefined
    }
  }
}
