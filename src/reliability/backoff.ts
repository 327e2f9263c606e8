import { durationMs, type Duration } from '../core/durations.js'
import { InvalidArgumentError } from '../core/errors.js'
import { checkOptions, shown } from '../core/options.js'

/** How long to wait before a failed message is tried again: frozen data and one pure function. */
export interface Backoff {
  /**
   * The wait in milliseconds, finite and ≥ 0; one of your own may also answer a text such as `'50ms'`.
   * @param attempt the attempt that failed: 1 for the first
   * @param random a number in [0, 1) at each call
   * @default random Math.random
   */
  delayMs(attempt: number, random?: () => number): Duration
}

export interface ExponentialOptions {
  /**
   * The longest wait; from `base` to `'1d'`.
   * @default '30s'
   */
  max?: Duration
  /**
   * How much longer each wait is than the one before; from 1 to 100.
   * @default 2
   */
  factor?: number
  /**
   * `full` draws each wait evenly between 0 and its bound, so that messages that failed together
   * don't come back together; `none` waits for the bound itself.
   * @default 'full'
   */
  jitter?: 'full' | 'none'
}

/** What `exponential` makes; its data is what reports show. */
export interface ExponentialBackoff extends Backoff {
  delayMs(attempt: number, random?: () => number): number
  readonly kind: 'exponential'
  readonly baseMs: number
  readonly maxMs: number
  readonly factor: number
  readonly jitter: 'full' | 'none'
}

/** What `fixed` makes. */
export interface FixedBackoff extends Backoff {
  delayMs(attempt: number, random?: () => number): number
  readonly kind: 'fixed'
  readonly waitMs: number
}

/** No wait is longer: a message that should rest for days belongs among the dead letters. */
export const waitMsMax = 86_400_000

/**
 * Waits that grow by a factor up to a bound: after the attempt n (from 1) that failed, the bound is
 * min(max, base · factor^(n−1)), and with full jitter the wait is drawn evenly from 0 to that bound.
 *
 * The formula is "Full Jitter" of M. Brooker, "Exponential Backoff And Jitter", AWS Architecture
 * Blog, 2015: sleep = random_between(0, min(cap, base · 2^attempt)), with attempts counted from 0.
 * Of its variants it needs the fewest calls until all clients are through.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param base the bound of the first wait, longer than 0 and at most `'1d'`: milliseconds, or a text
 * such as `'100ms'`
 * @throws InvalidArgumentError where an option is unknown or out of its bounds
 * @example exponential('50ms', { max: '30s', jitter: 'full' })
 */
export function exponential(base: Duration, options?: ExponentialOptions): ExponentialBackoff {
  const given = checkOptions<ExponentialOptions>(options, 'exponential', [
    'max',
    'factor',
    'jitter',
  ])
  const baseMs = waitMs(base, 'exponential')
  if (baseMs === 0) {
    throw new InvalidArgumentError(
      `exponential: ${shown(base)} never grows; give a base longer than 0, or use fixed(0)`,
    )
  }
  const maxMs = waitMs((given.max ?? '30s') as Duration, 'exponential.max')
  if (maxMs < baseMs) {
    throw new InvalidArgumentError(
      `exponential.max: ${shown(given.max ?? '30s')} is shorter than the base ${shown(base)}; give a longer one`,
    )
  }
  const factor = given.factor ?? 2
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 100)) {
    throw new InvalidArgumentError(
      `exponential.factor: ${shown(factor)} is out of bounds; give a number from 1 to 100`,
    )
  }
  const jitter = given.jitter ?? 'full'
  if (jitter !== 'full' && jitter !== 'none') {
    throw new InvalidArgumentError(
      `exponential.jitter: ${shown(jitter)} is unknown; choose 'full' or 'none'`,
    )
  }
  return Object.freeze({
    kind: 'exponential',
    baseMs,
    maxMs,
    factor,
    jitter,
    delayMs(attempt: number, random: () => number = Math.random): number {
      const boundMs = Math.min(maxMs, baseMs * factor ** (attempt - 1))
      return jitter === 'full' ? random() * boundMs : boundMs
    },
  })
}

/**
 * The same wait after each failed attempt.
 * @param wait from 0 to `'1d'`: milliseconds, or a text such as `'1s'`
 * @throws InvalidArgumentError where it is out of its bounds
 * @example fixed('1s')
 */
export function fixed(wait: Duration): FixedBackoff {
  const delay = waitMs(wait, 'fixed')
  return Object.freeze({ kind: 'fixed', waitMs: delay, delayMs: () => delay })
}

function waitMs(value: Duration, option: string): number {
  const ms = durationMs(value, option)
  if (ms <= waitMsMax) return ms
  throw new InvalidArgumentError(`${option}: ${shown(value)} is too long; give at most '1d'`)
}
