import { types } from 'node:util'
import { durationMs } from '../core/durations.js'
import { InvalidArgumentError } from '../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'
import { describeThrown } from '../core/thrown.js'
import { exponential, waitMsMax, type Backoff } from './backoff.js'

export interface RetryOptions {
  /**
   * How often a message is tried in all, the first time included, before it is a dead letter; from 1
   * (never again) to 1000.
   * @default 3
   * @example attempts: 5
   */
  attempts?: number
  /**
   * How long it is parked between two attempts: `exponential(…)`, `fixed(…)`, or an object with a
   * `delayMs` of its own, which answers milliseconds or a text such as `'50ms'`. Where that throws, or
   * answers anything else, the default waits in its place, and the message's history says so.
   * @default exponential('100ms', { max: '10s', jitter: 'full' })
   * @example backoff: fixed('1s')
   */
  backoff?: Backoff
}

/** When a failed message is tried again, and when no more. */
export interface RetryPolicy {
  /** In all, the first one included: 1…1000. */
  readonly attempts: number
  readonly backoff: Backoff
  /**
   * The wait in milliseconds after the attempt (from 1) that failed. Always from 0 to a day, whatever a
   * backoff of the user's own says or throws.
   */
  delayMs(attempt: number, random?: () => number): number
  /** The same, and why it is not the backoff's answer, where it is not. Never throws. */
  wait(attempt: number, random?: () => number): Wait
}

export interface Wait {
  readonly delayMs: number
  readonly instead?: string
}

const backoffDefault = exponential('100ms', { max: '10s', jitter: 'full' })

/**
 * A frozen policy from its options.
 * @throws InvalidArgumentError where an option is unknown or out of its bounds
 */
export function retryPolicy(options?: RetryOptions): RetryPolicy {
  const given = checkOptions<RetryOptions>(options, 'retry', ['attempts', 'backoff'])
  const attempts = wholeNumber(given.attempts ?? 3, 'retry.attempts', 1, 1000)
  const backoff = given.backoff ?? backoffDefault
  if (!isBackoff(backoff)) {
    throw new InvalidArgumentError(
      `retry.backoff: ${shown(backoff)} is not a backoff; give exponential('50ms', { max: '30s' }) or fixed('1s')`,
    )
  }
  const wait = (attempt: number, random?: () => number): Wait => {
    try {
      return { delayMs: withinBounds(backoff.delayMs(attempt, random)) }
    } catch (thrown) {
      const delayMs = backoffDefault.delayMs(attempt)
      return { delayMs, instead: `the default, since ${describeThrown(thrown).message}` }
    }
  }
  return Object.freeze({
    attempts,
    backoff,
    wait,
    delayMs: (attempt: number, random?: () => number) => wait(attempt, random).delayMs,
  })
}

/** @throws InvalidArgumentError for what is no wait */
function withinBounds(answer: unknown): number {
  if (typeof answer === 'number' && !Number.isNaN(answer)) {
    return Math.min(waitMsMax, Math.max(0, answer))
  }
  if (types.isPromise(answer)) answer.catch(() => {})
  return Math.min(waitMsMax, durationMs(answer as string, 'retry.backoff'))
}

function isBackoff(value: unknown): value is Backoff {
  return typeof value === 'object' && value !== null && 'delayMs' in value
    ? typeof value.delayMs === 'function'
    : false
}
