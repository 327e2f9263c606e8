import { atEndOfTick, every, type End } from '../../core/waiting/timers.js'
import type { AcknowledgedConnection } from '../../core/source.js'
import { unlessAborted } from '../../core/waiting/unless-aborted.js'

/**
 * What a connection has handed out and has not been told of: tells it what is safe, a batch at a time,
 * and extends what is not.
 */
export class Held {
  readonly #connection: AcknowledgedConnection<unknown>
  readonly #failed: (error: unknown) => void
  readonly #held = new Set<unknown>()
  #safe: unknown[] = []
  #telling: Promise<void> | undefined
  #extending: Promise<void> | undefined
  #endExtending: End | undefined
  #isOver = false
  #waiting: (() => void)[] = []

  /** @param failed called once, with what the connection threw */
  constructor(connection: AcknowledgedConnection<unknown>, failed: (error: unknown) => void) {
    this.#connection = connection
    this.#failed = failed
    const { leaseMs, extend } = connection
    if (leaseMs === undefined || extend === undefined) return
    this.#endExtending = every(Math.max(1, leaseMs / 3), () => this.#extend(), {
      keepsAlive: false,
    })
  }

  get size(): number {
    return this.#held.size
  }

  add(token: unknown): void {
    this.#held.add(token)
  }

  /** It need not be given again. The connection is told at the end of the tick, or behind an earlier call. */
  safe(token: unknown): void {
    if (this.#isOver || !this.#held.delete(token)) return
    this.#safe.push(token)
    if (this.#safe.length === 1) atEndOfTick(() => this.#tell())
  }

  /** It will be given again, by this connection or the next one. */
  leave(token: unknown): void {
    this.#held.delete(token)
    this.#wake()
  }

  /** Resolves when the connection has been told of all that it has handed out, or has ended. */
  async allTold(): Promise<void> {
    while (!this.#isOver && (this.#held.size > 0 || this.#safe.length > 0 || this.#telling)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Nothing is told any more. */
  end(): void {
    this.#isOver = true
    this.#endExtending?.()
    this.#wake()
  }

  /**
   * At most once: acknowledges before the message is processed.
   * @param ended nobody waits for the answer from then on
   * @returns whether nobody else is given it
   */
  async safeFirst(token: unknown, ended: AbortSignal): Promise<boolean> {
    let isOurs = false
    const telling = (async () => {
      while (this.#telling !== undefined) await this.#telling
      await this.#call(async () => {
        const stale = await this.#connection.safe([token])
        isOurs = !(Array.isArray(stale) && stale.includes(token))
      })
    })()
    const answered = await unlessAborted(telling, ended)
    this.leave(token)
    return answered !== undefined && isOurs && !this.#isOver
  }

  #tell(): void {
    if (this.#isOver || this.#telling !== undefined || this.#safe.length === 0) return
    const tokens = this.#safe.splice(0)
    void this.#call(async () => {
      await this.#connection.safe(tokens)
    })
  }

  /** One call of `safe` at a time. */
  #call(call: () => Promise<void>): Promise<void> {
    const telling = (async () => {
      try {
        await call()
      } catch (error) {
        this.#fail(error)
      } finally {
        this.#telling = undefined
        this.#wake()
        this.#tell()
      }
    })()
    this.#telling = telling
    return telling
  }

  #extend(): void {
    // One that takes longer than its turn is not asked beside itself.
    if (this.#held.size === 0 || this.#extending !== undefined) return
    const tokens = [...this.#held]
    this.#extending = (async () => {
      try {
        await this.#connection.extend?.(tokens)
      } catch (error) {
        this.#fail(error)
      } finally {
        this.#extending = undefined
      }
    })()
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.end()
    this.#failed(error)
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
