import { limit } from '../../acknowledge/patience.js'
import { SemelError } from '../../core/errors.js'
import { nowMs, Turns } from '../../core/waiting/timers.js'
import { checkWait, throwIfAborted, type WaitOptions } from '../../core/waiting/wait.js'
import { addon } from '../../native/addon.js'

export interface RoomParts {
  readonly handle: number
  /** Whether the next message is taken. */
  hasRoom(): boolean
  /** @throws where the stream is over */
  checkOpen(): void
  /** What the stream waits for, in words. */
  standing(): string
  /** Somebody began or ceased to wait. */
  waitingChanged(): void
}

/** Senders that wait until the rings have room. */
export class Room {
  readonly #parts: RoomParts
  readonly #waiting = new Set<() => void>()
  readonly #turns = new Turns()

  constructor(parts: RoomParts) {
    this.#parts = parts
  }

  get isAwaited(): boolean {
    return this.#waiting.size > 0
  }

  async ready(options: WaitOptions): Promise<void> {
    const { handle, hasRoom, checkOpen, standing } = this.#parts
    const { signal, timeout } = checkWait(options, 'ready')
    checkOpen()
    throwIfAborted(signal)
    // Who sends in a loop, and always finds room, would keep timers and signals from their turns.
    if (this.#turns.isDue()) await this.#turns.give()
    const deadlineMs = nowMs() + (timeout ?? Infinity)
    while (!hasRoom()) {
      checkOpen()
      addon().wantNotice(handle)
      // Room that came before the asking gives no notice.
      if (hasRoom()) return
      const leftMs = deadlineMs - nowMs()
      if (leftMs <= 0) {
        throw new SemelError(
          'SEMEL_TIMEOUT',
          `ready: no room within ${timeout} ms: ${standing()}`,
          {
            retriable: true,
          },
        )
      }
      await this.#notified({
        ...(signal === undefined ? {} : { signal }),
        ...(timeout === undefined ? {} : { timeout: leftMs }),
      })
      throwIfAborted(signal)
    }
  }

  /** The core has made progress, or the stream is over. */
  look(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Until the core has made progress, or the patience is over. */
  #notified(patience: WaitOptions): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        end()
        this.#waiting.delete(wake)
        resolve()
      }
      const end = limit(patience, wake)
      this.#waiting.add(wake)
      this.#parts.waitingChanged()
    })
  }
}
