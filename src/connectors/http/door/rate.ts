import { nowMs } from '../../../core/waiting/timers.js'

/** Clients whose rates are known at a time. One that is forgotten has rested, or begins anew. */
const clientsMax = 10_000

/** A token bucket for each client; what it holds is a time (GCRA), so that it needs no refilling. */
export class Rates {
  readonly #intervalMs: number
  readonly #burstMs: number
  /** When each has its whole burst again; who came last is last. */
  readonly #fullMs = new Map<string, number>()

  constructor(max: number, perMs: number) {
    this.#intervalMs = perMs / max
    this.#burstMs = perMs
  }

  /** How long a client has to wait before its next request; 0, and this one counts, where it has not. */
  waitMs(client: string): number {
    const now = nowMs()
    const fullMs = Math.max(now, this.#fullMs.get(client) ?? now) + this.#intervalMs
    const waitMs = fullMs - now - this.#burstMs
    // Sums of intervals miss the burst by less than that.
    if (waitMs > this.#intervalMs / 1000) return waitMs
    this.#fullMs.delete(client)
    this.#fullMs.set(client, fullMs)
    if (this.#fullMs.size > clientsMax) this.#forgetOldest()
    return 0
  }

  #forgetOldest(): void {
    const [oldest] = this.#fullMs.keys()
    this.#fullMs.delete(oldest as string)
  }
}
