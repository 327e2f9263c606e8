import { toError } from '../../core/errors.js'
import { isUnavailable, retryAfterMsOf } from '../../core/handler-errors.js'
import { after, nowMs, type End } from '../../core/waiting/timers.js'
import { exponential } from '../../reliability/backoff.js'

/** As that of a sink that fails as a whole. */
const backoff = exponential('50ms', { max: '10s', jitter: 'full' })

export interface OutageParts {
  /** Something that handlers need is down, and is asked for again. */
  readonly tell: (outage: { error: string; attempt: number; retryInMs: number }) => void
  /** It is over: what has not begun may begin. */
  readonly over: () => void
}

/** What waits, and goes on by running again. */
interface Waiter {
  readonly sequence: number
  readonly go: () => void
}

/**
 * A shard's wait for what its handlers have called `Unavailable`. While it is held, nothing of the
 * shard begins; what runs goes on to its end, and what runs into the same joins the wait. After each
 * wait the first message alone tries: whoever is down is not met by all of them at once. When that one
 * gets through, the others follow; until then the waits grow.
 */
export class Outage {
  readonly #parts: OutageParts
  #waiters: Waiter[] = []
  #endWait: End | undefined
  #attempt = 0
  #untilMs = 0
  #hasStopped = false
  isHeld = false
  /** The message that tries; 0: none does. */
  trying = 0

  constructor(parts: OutageParts) {
    this.#parts = parts
  }

  /** Holds the shard where that was thrown by which a handler says so; whether it was. Its message joins. */
  begins(thrown: unknown, sequence: number): boolean {
    if (!isUnavailable(thrown)) return false
    const retryAfterMs = retryAfterMsOf(thrown)
    const isFirst = !this.isHeld || this.trying === sequence
    if (isFirst) {
      this.trying = 0
      this.#attempt += 1
      this.#wait(retryAfterMs ?? backoff.delayMs(this.#attempt), thrown)
    } else if (retryAfterMs !== undefined && nowMs() + retryAfterMs > this.#untilMs) {
      this.#wait(retryAfterMs, thrown)
    }
    return true
  }

  /**
   * Waits with the others.
   * @param go runs the message again
   */
  joins(sequence: number, go: () => void): void {
    this.#waiters.push({ sequence, go })
  }

  /** The message that tries has got through, or failed for a reason of its own. */
  passed(): void {
    if (this.#hasStopped) return
    this.trying = 0
    // Another one may have been told to wait for longer.
    if (this.#endWait !== undefined) return
    this.#attempt = 0
    this.isHeld = false
    const waiters = this.#waiters.toSorted((a, b) => a.sequence - b.sequence)
    this.#waiters = []
    while (!this.isHeld) {
      const waiter = waiters.shift()
      if (waiter === undefined) break
      waiter.go()
    }
    this.#waiters.push(...waiters)
    if (!this.isHeld) this.#parts.over()
  }

  /** The wait is given up; nothing begins any more. */
  stop(): void {
    this.#hasStopped = true
    this.isHeld = true
    this.#endWait?.()
    this.#waiters = []
  }

  #wait(waitMs: number, thrown: unknown): void {
    if (this.#hasStopped) return
    this.isHeld = true
    const leftMs = this.#endWait === undefined ? 0 : this.#untilMs - nowMs()
    const nextMs = Math.max(waitMs, leftMs)
    this.#untilMs = nowMs() + nextMs
    this.#endWait?.()
    this.#endWait = after(nextMs, () => this.#try())
    const { message } = toError(thrown)
    this.#parts.tell({ error: message, attempt: this.#attempt, retryInMs: nextMs })
  }

  #try(): void {
    this.#endWait = undefined
    // One tries already: it has been at it since before this wait was asked for.
    if (this.trying !== 0) return
    const [first, ...others] = this.#waiters.toSorted((a, b) => a.sequence - b.sequence)
    if (first === undefined) {
      this.passed()
      return
    }
    this.#waiters = others
    this.trying = first.sequence
    first.go()
  }
}
