import { describeThrown } from '../../core/thrown.js'
import { actions, type Detail } from '../../native/details.js'
import { outcomes } from '../../native/slots.js'
import {
  decodeHistory,
  encodeHistory,
  errorLengthMax,
  errorText,
} from '../../reliability/attempts.js'
import type { Ending, RetryPolicy } from '../../reliability/retry.js'

/** Of why something is not what a function of the pipeline's answered. */
const insteadLengthMax = 150

/** How long a parked message was to wait after its last attempt. */
export function waitedMs({
  attempts,
  dueMs,
  history,
}: Pick<Detail, 'attempts' | 'dueMs' | 'history'>): number {
  const at = attempts === 0 ? undefined : decodeHistory(history).at(-1)?.at
  return typeof at === 'number' ? dueMs - at : 0
}

/**
 * What becomes of a message after an attempt failed: parked for the next one, or a dead letter.
 * @param ending as the number of attempts has it by default
 */
export function afterFailure(
  sequence: number,
  attempt: number,
  history: string,
  thrown: unknown,
  policy: RetryPolicy,
  nowMs: number,
  ending: Ending = { isLast: attempt >= policy.attempts },
): Detail {
  const { isLast, by, instead } = ending
  const wait = isLast ? undefined : policy.wait(attempt)
  const { code } = describeThrown(thrown)
  const attempts = decodeHistory(history)
  attempts.push({
    attempt,
    at: nowMs,
    error: errorText(thrown),
    ...(code === undefined ? {} : { code }),
    ...(wait?.instead === undefined ? {} : { backoff: wait.instead.slice(0, insteadLengthMax) }),
    ...(by === undefined ? {} : { endedBy: by }),
    ...(instead === undefined ? {} : { when: instead.slice(0, insteadLengthMax) }),
  })
  return {
    sequence,
    action: isLast ? actions.deadLetter : actions.park,
    attempts: attempt,
    dueMs: wait === undefined ? 0 : nowMs + wait.delayMs,
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

/** A message whose attempts are used up. */
export function spent(sequence: number, attempts: number, history: string): Detail {
  const { deadLettered: outcome } = outcomes
  return { sequence, action: actions.deadLetter, attempts, dueMs: 0, outcome, history }
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
