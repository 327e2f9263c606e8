/**
 * When a sender hears back.
 * - `processed`: when the message's outcome is committed; it carries the result
 * - `stored`: when the message has reached the stream's durability; the outcome follows
 * - `batched`: when a batch of messages is committed; each of them has a status of its own
 */
export type Acknowledge = 'processed' | 'stored' | 'batched'

export const acknowledges: readonly Acknowledge[] = ['processed', 'stored', 'batched']

/** The mode, and when a batch is acknowledged: with so many messages, or so long after its first. */
export interface Acknowledgment {
  readonly mode: Acknowledge
  readonly size: number
  readonly withinMs: number
  readonly onBatch?: (batch: never) => void
}
