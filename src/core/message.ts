import type { MessageHeaders } from './headers.js'

/** What makes two messages the same message. */
export type Id = string | number | bigint

/** What a sender that numbers its messages itself gives with each of them. */
export interface Produced {
  /** The sender's name, 1 to 256 characters: the same after its restart. */
  readonly id: string
  /** Grows with each start of the sender; whoever comes with an older one is refused. 0…2^53 − 1. */
  readonly epoch: number
  /**
   * The message's number among those of this sender, 0…2^48 − 1. It only grows, through all epochs;
   * gaps do not matter.
   */
  readonly sequence: number
}

/** What must stay in order; decides the shard. */
export type Key = string | number | bigint

/** What an operator may ask about the message that it is given (its second argument). */
export interface MessageContext {
  /** The message's number in its shard: 1, 2, 3 …; never reused. */
  readonly sequence: number
  readonly shard: number
  /** 1 at the first attempt, 2 at the first retry … */
  readonly attempt: number
  /** When the message was taken in, in milliseconds since 1970. */
  readonly timeMs: number
  /** By the pipeline's `id`; use it as the idempotency key of effects made elsewhere. */
  readonly id: Id | undefined
  /** What the message was sent with, frozen; empty where it has none. Read when you first look at it. */
  readonly headers: MessageHeaders
  /**
   * Given when the attempt is to end: its time is over (`timeout`), the stream is being closed and its
   * time is over, or the worker is stopped. Hand it to what you wait for. Behind `batch` it is that of
   * the batch. It is made when you first look at it.
   * @example
   * ```ts
   * .timeout('5s')
   * .map(async (order, { signal }) => (await fetch(url(order), { signal })).json())
   * ```
   */
  readonly signal: AbortSignal
}

/** The one explicit end of every message. */
export type Outcome = 'processed' | 'filtered' | 'duplicate' | 'late' | 'dead-lettered' | 'dropped'

/** Where every message of a stream, or of one of its shards, stands. stored = the sum of the others. */
export interface Counters {
  stored: number
  processed: number
  filtered: number
  duplicate: number
  late: number
  deadLettered: number
  dropped: number
  parked: number
  inFlight: number
}

/**
 * A row that a source could not read as a message. It takes the ordinary way through the stream, in
 * order, and ends as a dead letter with its place and reason (at-most-once: dropped and counted).
 */
export interface MalformedRow {
  /** As it was found, cut at 64 KiB. */
  readonly text: string
  /** Line in its file, from 1. */
  readonly line: number
  readonly reason: string
}
