import { durationMs } from '../core/durations.js'
import { InvalidArgumentError } from '../core/errors.js'
import { isFatal } from '../core/handler-errors.js'
import type { Id } from '../core/message.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'
import { unheeded } from '../core/thenable.js'
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
  /**
   * Whether a message that failed with this error is to be tried again: false ends its retries, and it
   * is a dead letter at once, as with `Fatal`. Asked once for each failed attempt but the last, and not
   * where several messages failed together (behind `batch`): each is tried alone then. Where it throws,
   * or answers neither true nor false (a promise, say), the message is tried again as without it, and
   * its history says so.
   * @default every error is worth the next attempt
   * @example
   * ```ts
   * .retry({ when: (error) => !(error instanceof ValidationError) })
   * ```
   */
  when?: (error: unknown, failed: FailedOnce) => boolean
}

/** The attempt that failed. */
export interface FailedOnce {
  /** 1 for the first. */
  readonly attempt: number
  /** By the pipeline's `id`. */
  readonly id: Id | undefined
}

/** When a failed message is tried again, and when no more. */
export interface RetryPolicy {
  /** In all, the first one included: 1…1000. */
  readonly attempts: number
  readonly backoff: Backoff
  /** Whether each failure is asked about; missing in a policy of an older copy of the library. */
  readonly hasWhen?: boolean
  /**
   * The wait in milliseconds after the attempt (from 1) that failed. Always from 0 to a day, whatever a
   * backoff of the user's own says or throws.
   */
  delayMs(attempt: number, random?: () => number): number
  /** The same, and why it is not the backoff's answer, where it is not. Never throws. */
  wait(attempt: number, random?: () => number): Wait
  /**
   * Whether the attempt that failed was the last. Never throws.
   * @param id asked only where `when` is to be told
   */
  ending(attempt: number, thrown: unknown, id: () => Id | undefined): Ending
}

/** Whether an attempt was the last of its message. */
export interface Ending {
  readonly isLast: boolean
  /** What has said so, where it was not the number of attempts. */
  readonly by?: 'fatal' | 'when'
  /** Why it is not what `when` answered. */
  readonly instead?: string
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
  const given = checkOptions<RetryOptions>(options, 'retry', ['attempts', 'backoff', 'when'])
  const attempts = wholeNumber(given.attempts ?? 3, 'retry.attempts', 1, 1000)
  const backoff = given.backoff ?? backoffDefault
  if (!isBackoff(backoff)) {
    throw new InvalidArgumentError(
      `retry.backoff: ${shown(backoff)} is not a backoff; give exponential('50ms', { max: '30s' }) or fixed('1s')`,
    )
  }
  const { when } = given
  if (when !== undefined && typeof when !== 'function') {
    throw new InvalidArgumentError(
      `retry.when: ${shown(when)} is not a function; give (error, { attempt, id }) => true or false`,
    )
  }
  const ending = (attempt: number, thrown: unknown, id: () => Id | undefined): Ending => {
    if (attempt >= attempts) return { isLast: true }
    if (isFatal(thrown)) return { isLast: true, by: 'fatal' }
    return when === undefined ? { isLast: false } : asked(when as When, thrown, attempt, id)
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
    hasWhen: when !== undefined,
    wait,
    ending,
    delayMs: (attempt: number, random?: () => number) => wait(attempt, random).delayMs,
  })
}

type When = (error: unknown, failed: FailedOnce) => unknown

function asked(when: When, thrown: unknown, attempt: number, id: () => Id | undefined): Ending {
  let answer: unknown
  try {
    answer = when(thrown, { attempt, id: id() })
  } catch (failure) {
    unheeded(failure)
    return {
      isLast: false,
      instead: `tried again, since when threw ${describeThrown(failure).message}`,
    }
  }
  if (answer === true) return { isLast: false }
  if (answer === false) return { isLast: true, by: 'when' }
  unheeded(answer)
  return {
    isLast: false,
    instead: `tried again, since when answered ${shown(answer)}, which is neither true nor false`,
  }
}

/** @throws InvalidArgumentError for what is no wait */
function withinBounds(answer: unknown): number {
  if (typeof answer === 'number' && !Number.isNaN(answer)) {
    return Math.min(waitMsMax, Math.max(0, answer))
  }
  unheeded(answer)
  return Math.min(waitMsMax, durationMs(answer as string, 'retry.backoff'))
}

function isBackoff(value: unknown): value is Backoff {
  return typeof value === 'object' && value !== null && 'delayMs' in value
    ? typeof value.delayMs === 'function'
    : false
}
