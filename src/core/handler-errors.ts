import { types } from 'node:util'
import { durationMs, type Duration } from './durations.js'
import { InvalidArgumentError, SemelError } from './errors.js'
import { checkOptions, shown } from './options.js'

/** Registered, so that a connector with another copy of the library is understood. */
const fatalKey: unique symbol = Symbol.for('semel.fatal') as never
const unavailableKey: unique symbol = Symbol.for('semel.unavailable') as never

/** As long as a failed message may rest at most. */
const retryAfterMsMax = 86_400_000

export interface FatalOptions {
  cause?: unknown
}

/**
 * Thrown in an operator or in `forEach`: no other attempt would help this message. It is a dead letter at
 * once, with its history, however many attempts `retry` allows; at most once it is dropped, as with any
 * other error.
 *
 * Where several messages fail together (behind `batch`), it is not known which of them is meant: each
 * is then tried alone, and the one that throws it alone is the dead letter.
 *
 * @example
 * ```ts
 * .map((order) => {
 *   if (order.amount < 0) throw new Fatal(`order ${order.id} has a negative amount`)
 *   return charge(order)
 * })
 * ```
 */
export class Fatal extends SemelError {
  readonly [fatalKey] = true

  /** @throws InvalidArgumentError for a message that is no text, or an unknown option */
  constructor(message: string, options?: FatalOptions) {
    const { cause } = checkOptions<FatalOptions>(options, 'Fatal', ['cause'])
    super('SEMEL_FATAL', checkedText(message, 'Fatal'), { cause })
    this.name = 'Fatal'
  }
}

export interface UnavailableOptions {
  /**
   * How long the service wants to be left alone, by its `Retry-After`, say; from `'1ms'` to `'1d'`.
   * @default none: a wait that grows from 50 ms to 10 s, drawn with jitter
   */
  retryAfter?: Duration
  cause?: unknown
}

/**
 * Thrown in an operator or in `forEach`: what the handler needs is down as a whole, and that is no
 * fault of the message. The attempt does not count. The message's shard waits, with `retryAfter` or a
 * growing backoff between its attempts, and goes on from that message, for as long as it takes. The
 * event `unavailable` tells of it; of a sink `sink-failed` does.
 *
 * It says that nothing of this attempt has taken effect: under at-most-once too, the message is given
 * to the handler again.
 *
 * @example
 * ```ts
 * .map(async (order, { signal }) => {
 *   const response = await fetch(url, { method: 'POST', body: JSON.stringify(order), signal })
 *   if (response.status === 503) {
 *     const seconds = Number(response.headers.get('retry-after')) || 1
 *     throw new Unavailable('the payment service is down', { retryAfter: `${seconds}s` })
 *   }
 *   return response.json()
 * })
 * ```
 */
export class Unavailable extends SemelError {
  readonly [unavailableKey] = true
  readonly retryAfterMs: number | undefined

  /** @throws InvalidArgumentError for a message that is no text, or an option out of its bounds */
  constructor(message: string, options?: UnavailableOptions) {
    const { retryAfter, cause } = checkOptions<UnavailableOptions>(options, 'Unavailable', [
      'retryAfter',
      'cause',
    ])
    super('SEMEL_UNAVAILABLE', checkedText(message, 'Unavailable'), { cause, retriable: true })
    this.name = 'Unavailable'
    this.retryAfterMs = retryAfter === undefined ? undefined : checkedRetryAfter(retryAfter)
  }
}

/** Never throws. */
export function isFatal(thrown: unknown): boolean {
  return carries(thrown, fatalKey)
}

/** Never throws. */
export function isUnavailable(thrown: unknown): thrown is Unavailable {
  return carries(thrown, unavailableKey)
}

/** How long what is unavailable wants to be left alone, where it says so. Never throws. */
export function retryAfterMsOf(thrown: unknown): number | undefined {
  if (!isUnavailable(thrown)) return undefined
  try {
    const retryAfterMs: unknown = thrown.retryAfterMs
    if (typeof retryAfterMs !== 'number' || Number.isNaN(retryAfterMs)) return undefined
    return Math.min(retryAfterMsMax, Math.max(1, retryAfterMs))
  } catch {
    return undefined
  }
}

function carries(thrown: unknown, key: typeof fatalKey | typeof unavailableKey): boolean {
  if (!types.isNativeError(thrown)) return false
  try {
    return (thrown as unknown as Record<symbol, unknown>)[key] === true
  } catch {
    return false
  }
}

function checkedText(message: unknown, name: string): string {
  if (typeof message === 'string') return message
  throw new InvalidArgumentError(
    `${name}: ${shown(message)} is not a message; give a text that says what is wrong`,
  )
}

function checkedRetryAfter(retryAfter: unknown): number {
  const ms = durationMs(retryAfter as Duration, 'Unavailable.retryAfter')
  if (ms >= 1 && ms <= retryAfterMsMax) return ms
  throw new InvalidArgumentError(
    `Unavailable.retryAfter: ${shown(retryAfter)} is out of bounds; give a duration from '1ms' to '1d'`,
  )
}
