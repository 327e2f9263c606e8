/**
 * What may not be written, and what to write instead. One text serves the compiler, which shows it
 * in place of the parameter's type, and the run-time check for JavaScript.
 */
export const refusals = {
  carrier:
    'needs one that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })',
  carrierKind:
    "needs one that is transactional, rewindable or idempotent: give its type the kind that it has, such as Sink<T, 'idempotent'>, or use at-least-once",
  identified:
    "exactly-once needs to know a message's copies: add deliver('exactly-once', { id, window }), deliver('exactly-once', { producer }) where senders number their messages, or deliver('exactly-once', { by: 'position' }) where all sources are replayable",
  produced:
    'it means nothing with a producer, whose own numbers tell copies: give either producer or id and window',
  positioned:
    "it means nothing with by: 'position', where a source's own offsets tell copies: give either by or id and window",
  unsent:
    'a pipeline that knows copies by position takes messages from replayable sources alone: consume one, or deliver with { id, window }',
  undelivered:
    "to needs a delivery before it: add deliver('at-most-once'), deliver('at-least-once') or deliver('exactly-once', { id, window })",
  delivered: 'the delivery is chosen already: keep one deliver',
  classed:
    "a function of the message chooses between deliveries: add the options of each, such as { 'exactly-once': { id, window }, 'at-most-once': {} }",
  delivery: "choose 'at-most-once', 'at-least-once' or 'exactly-once'",
  keyed: 'the key is chosen already: keep one keyBy',
  operated:
    'keyBy comes before the operators: the key is of the message as it was sent, and decides its shard',
  conflated: 'conflate keeps the newest message of each key: add keyBy, or id and window',
  keyless: "limit('…', { by: 'key' }) needs keys: add keyBy, or id and window",
  unparked:
    "limit('…', { by: 'key' }) parks what comes too early, and at-most-once keeps nothing: use another delivery, or a limit of the whole stream",
  transactionals:
    'a commit is decided by one transactional sink at most: keep one, write the rest into tables of its database, or use at-least-once',
  readBeside:
    'outputs() hands them to a loop that may stop anywhere, and so stands alone: leave the other sinks out, or use forEach in its stead',
  sinkTwice: 'is there twice: give each sink once, with .to(a, b) or in one branch',
  sunk: 'it has this sink already: keep one',
  lettersUnkept:
    'at-most-once keeps no dead letters, it drops what fails: use another delivery, or leave deadLetters out',
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
