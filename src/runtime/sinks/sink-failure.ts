import { toError } from '../../core/errors.js'
import { retryAfterMsOf } from '../../core/handler-errors.js'
import { caught } from '../../core/thrown.js'
import { exponential } from '../../reliability/backoff.js'

/** A sink that fails as a whole is tried again, for as long as it takes (I13). */
const backoff = exponential('50ms', { max: '10s', jitter: 'full' })

/** A failure of a sink as a whole as it is told, and how long until the attempt behind this one. */
export function sinkFailure(failure: unknown, attempt: number): { error: Error; delayMs: number } {
  return {
    error: toError(caught(failure).thrown),
    delayMs: retryAfterMsOf(failure) ?? backoff.delayMs(attempt),
  }
}
