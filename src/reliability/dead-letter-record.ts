import type { MessageHeaders } from '../core/headers.js'
import type { MalformedRow } from '../core/message.js'
import type { FailedAttempt } from './attempts.js'

/**
 * A message that failed for good, as a pipeline's `deadLetters` sink is given it.
 * @typeParam M the message as operators got it; of raw frames their bytes
 */
export interface DeadLetterRecord<M = unknown> {
  readonly shard: number
  readonly sequence: number
  /** When the message was taken in, in milliseconds since 1970. */
  readonly timeMs: number
  readonly attempts: number
  /** The latest failures, oldest first. */
  readonly history: readonly FailedAttempt[]
  /** Missing of a malformed row, or an undecodable one. */
  readonly message?: M
  /** What the message was sent with; missing where it has none. */
  readonly headers?: MessageHeaders
  readonly malformed?: MalformedRow
  /** Why the message can't be shown; it can be retried and dropped like any other. */
  readonly undecodable?: string
}
