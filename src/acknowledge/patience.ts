import { AckTimeoutError } from '../core/errors.js'
import { after } from '../core/waiting/timers.js'
import { addAborted, removeAborted } from './aborts.js'

/** How long a sender waits. */
export interface Patience {
  readonly signal?: AbortSignal
  /** In milliseconds. */
  readonly timeout?: number
}

/**
 * Calls `giveUp` when the signal is given or the time is over, whichever is first.
 * @param giveUp is given what to tell a sender whose message was taken, or was not
 * @returns to be called when the wait is over
 */
export function limit(
  { signal, timeout }: Patience,
  giveUp: (errorFor: (taken: boolean) => unknown) => void,
): () => void {
  const end = (): void => {
    endWait?.()
    if (signal !== undefined) removeAborted(signal, aborted)
  }
  const aborted = (): void => {
    end()
    giveUp(() => signal?.reason)
  }
  const endWait =
    timeout === undefined
      ? undefined
      : after(timeout, () => {
          end()
          giveUp((taken) => new AckTimeoutError(timeout, taken))
        })
  if (signal !== undefined) addAborted(signal, aborted)
  return end
}
