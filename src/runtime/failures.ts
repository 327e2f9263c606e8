import { toError } from '../core/errors.js'
import { actions, type Detail } from '../native/details.js'
import { outcomes } from '../native/slots.js'
import type { RetryPolicy } from '../reliability/retry.js'

/** One failed attempt, as a dead letter's history keeps it. */
export interface FailedAttempt {
  readonly attempt: number
  /** Milliseconds since 1970, by the stream's clock. */
  readonly at: number
  readonly error: string
}

/** As the native core bounds it (native/shard/outcome.h). */
const historyBytesMax = 900
const errorLengthMax = 400
const errorLengthShort = 100

/** The latest attempts that fit; of a thousand, the first ones tell little. */
function encodeHistory(attempts: readonly FailedAttempt[]): string {
  for (let from = 0; from < attempts.length; from++) {
    const text = JSON.stringify(attempts.slice(from))
    if (Buffer.byteLength(text) <= historyBytesMax) return text
  }
  // One attempt alone is too long: every character may take six bytes.
  const last = attempts.at(-1) as FailedAttempt
  return JSON.stringify([{ ...last, error: last.error.slice(0, errorLengthShort) }])
}

/** As histories and senders are told of what was thrown. */
export function errorText(thrown: unknown): string {
  const { name, message } = toError(thrown)
  return `${name}: ${message}`.slice(0, errorLengthMax)
}

export function isTriedAgain(attempt: number, policy: RetryPolicy): boolean {
  return attempt < policy.attempts
}

/** What becomes of a message after an attempt failed: parked for the next one, or a dead letter. */
export function afterFailure(
  sequence: number,
  attempt: number,
  history: string,
  thrown: unknown,
  policy: RetryPolicy,
  nowMs: number,
): Detail {
  const attempts = history === '' ? [] : (JSON.parse(history) as FailedAttempt[])
  attempts.push({ attempt, at: nowMs, error: errorText(thrown) })
  const last = !isTriedAgain(attempt, policy)
  return {
    sequence,
    action: last ? actions.deadLetter : actions.park,
    attempts: attempt,
    dueMs: last ? 0 : nowMs + policy.delayMs(attempt),
    outcome: outcomes.deadLettered,
    history: encodeHistory(attempts),
  }
}

/** A message that no attempt can help. */
export function deadLetter(sequence: number, reason: string, nowMs: number): Detail {
  return {
    sequence,
    action: actions.deadLetter,
    attempts: 0,
    dueMs: 0,
    outcome: outcomes.deadLettered,
    history: encodeHistory([{ attempt: 0, at: nowMs, error: reason.slice(0, errorLengthMax) }]),
  }
}

/** A message that waits behind a parked one of its key, or for its turn to be tried again. */
export function waitBehind(sequence: number): Detail {
  return {
    sequence,
    action: actions.park,
    attempts: 0,
    dueMs: 0,
    outcome: outcomes.processed,
    history: '',
  }
}

export function settled(sequence: number, outcome: Detail['outcome']): Detail {
  return { sequence, action: actions.settle, attempts: 0, dueMs: 0, outcome, history: '' }
}
