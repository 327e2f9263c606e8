import { durationText } from '../../core/durations.js'
import { SemelError } from '../../core/errors.js'
import { after } from '../../core/waiting/timers.js'
import type { Collector } from './chain.js'
import type { AttemptContext } from './context.js'

/**
 * An attempt within its time. When that is over it fails, its signal is given, and what it comes to
 * later goes nowhere: no further operator runs, and what it rejects with is nobody's.
 */
export function timed(
  pending: Promise<unknown>,
  timeoutMs: number,
  context: AttemptContext | undefined,
  out: Collector,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // A message that runs for long keeps no process alive; who waits for one does.
    const end = after(
      timeoutMs,
      () => {
        const late = new SemelError(
          'SEMEL_TIMEOUT',
          `the attempt was not over after ${durationText(timeoutMs)}, and what it answers now is ignored; give timeout a longer time, or end what the handler waits for when its context's signal is given`,
          { retriable: true },
        )
        out.isOver = true
        // First, so that what the signal ends does not come before it.
        reject(late)
        context?.abort(late)
      },
      { keepsAlive: false },
    )
    pending.then(
      () => {
        end()
        resolve()
      },
      (thrown: unknown) => {
        end()
        reject(thrown)
      },
    )
  })
}
