import { describeThrown } from '../core/thrown.js'

/** One failed attempt, as a dead letter's history keeps it. */
export interface FailedAttempt {
  readonly attempt: number
  /** Milliseconds since 1970, by the stream's clock. */
  readonly at: number
  /** What was thrown, in words. */
  readonly error: string
  /** What was thrown had it: `'ECONNREFUSED'`. */
  readonly code?: string
  /** Why the wait for the next attempt is not what the pipeline's backoff answered. */
  readonly backoff?: string
  /** Why no other attempt followed, where attempts were left: a `Fatal` was thrown, or `when` said so. */
  readonly endedBy?: 'fatal' | 'when'
  /** Why another attempt followed that the pipeline's `when` has not asked for. */
  readonly when?: string
}

/** As the native core bounds it (native/shard/outcome.h). */
const historyBytesMax = 900
export const errorLengthMax = 400
const errorLengthShort = 100

/** The latest attempts that fit; of a thousand, the first ones tell little. */
export function encodeHistory(attempts: readonly FailedAttempt[]): string {
  for (let from = 0; from < attempts.length; from++) {
    const text = JSON.stringify(attempts.slice(from))
    if (Buffer.byteLength(text) <= historyBytesMax) return text
  }
  // One attempt alone is too long: every character may take six bytes.
  const { attempt, at, error } = attempts.at(-1) as FailedAttempt
  return JSON.stringify([{ attempt, at, error: error.slice(0, errorLengthShort) }])
}

/** What was kept by `encodeHistory`; nothing where it can't be read. */
export function decodeHistory(history: string): FailedAttempt[] {
  if (history === '') return []
  try {
    const attempts: unknown = JSON.parse(history)
    return Array.isArray(attempts) ? (attempts as FailedAttempt[]) : []
  } catch {
    return []
  }
}

/** As histories and senders are told of what was thrown. */
export function errorText(thrown: unknown): string {
  const { name, message } = describeThrown(thrown)
  return `${name}: ${message}`.slice(0, errorLengthMax)
}
