import { InvalidArgumentError } from '../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'
import { exponential, waitMsMax, type Backoff } from './backoff.js'

export interface RetryOptions {
  /**
   * How often a message is tried in all, the first time included, before it is a dead letter; from 1
   * (never again) to 1000.
   * @default 3
   */
  attempts?: number
  /**
   * How long it is parked between two attempts: `exponential(…)`, `fixed(…)`, or an object with a
   * `delayMs` of its own.
   * @default exponential('100ms', { max: '10s', jitter: 'full' })
   */
  backoff?: Backoff
}

/** When a failed message is tried again, and when no more. */
export interface RetryPolicy {
  /** In all, the first one included: 1…1000. */
  readonly attempts: number
  readonly backoff: Backoff
  /**
   * The wait in milliseconds after the attempt (from 1) that failed. Always from 0 to a day, also
   * where a backoff of the user's own says something else: a wait that is not a number is 0.
   */
  delayMs(attempt: number, random?: () => number): number
}

/**
 * A frozen policy from its options.
 * @throws InvalidArgumentError where an option is unknown or out of its bounds
 */
export function retryPolicy(options?: RetryOptions): RetryPolicy {
  const given = checkOptions<RetryOptions>(options, 'retry', ['attempts', 'backoff'])
  const attempts = wholeNumber(given.attempts ?? 3, 'retry.attempts', 1, 1000)
  const backoff = given.backoff ?? exponential('100ms', { max: '10s', jitter: 'full' })
  if (!isBackoff(backoff)) {
    throw new InvalidArgumentError(
      `retry.backoff: ${shown(backoff)} is not a backoff; give exponential('50ms', { max: '30s' }) or fixed('1s')`,
    )
  }
  return Object.freeze({
    attempts,
    backoff,
    delayMs: (attempt: number, random?: () => number) =>
      Math.min(waitMsMax, Math.max(0, backoff.delayMs(attempt, random))) || 0,
  })
}

function isBackoff(value: unknown): value is Backoff {
  return typeof value === 'object' && value !== null && 'delayMs' in value
    ? typeof value.delayMs === 'function'
    : false
}
