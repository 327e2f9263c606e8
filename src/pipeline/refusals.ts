/**
 * What may not be written, and what to write instead. One text serves the compiler, which shows it
 * in place of the parameter's type, and the run-time check for JavaScript.
 */
export const refusals = {
  sink: 'exactly-once needs a sink that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })',
  undelivered:
    "to needs a delivery before it: add deliver('at-most-once'), deliver('at-least-once') or deliver('exactly-once', { id, window })",
  delivered: 'the delivery is chosen already: keep one deliver',
  keyed: 'the key is chosen already: keep one keyBy',
  operated:
    'keyBy comes before the operators: the key is of the message as it was sent, and decides its shard',
  framesBatched:
    'a frame is valid only during the call: put .map((frame) => frame.copy()) before batch',
} as const

declare const reason: unique symbol

/** The type of a parameter that nothing fits; its argument says why, and what to write instead. */
export interface Refused<Reason extends string> {
  readonly [reason]: Reason
}

/** The texts as types, so that the compiler shows them in full. */
export type Refusals = typeof refusals
