import type { Offset } from './offset.js'
import type { SourceBatch, SourceNotice } from './source.js'

/** A place in a partition: all before it has been read, or need not be. */
export interface Place {
  readonly partition: string
  readonly offset: Offset
}

/** A partition that a source begins to give. */
export interface AssignedPartition {
  /** What its batches call it. */
  readonly partition: string
  /**
   * By what it is known besides its name: plain data that JSON has a form for. A partition of the same
   * name with another identity is another one, which is read from its start.
   */
  readonly identity?: object
  /** Up to where the source has been told that it is safe, by whomever: such rows are not asked for. */
  readonly offset?: Offset
}

export interface RevokedOptions {
  /**
   * How long there is to end what was taken, in milliseconds. What is not confirmed then is given up: it
   * takes no effect any more, and somebody else may take it.
   * @default as long as it takes
   */
  readonly withinMs?: number
  /** They are somebody else's already: what is not confirmed is given up at once, and no `safe` is told. */
  readonly lost?: boolean
}

/** What a connection is told, and by what it tells which partitions it has. */
export interface ReplayableContext {
  /** Given when nobody wants any more. */
  readonly signal: AbortSignal
  readonly notice: (notice: SourceNotice) => void
  /**
   * These partitions are to be read from now on: to be called before the first batch of each, and after
   * what `revoked` of it has answered. It waits where another reading of the stream has one of them.
   * @returns from where to read each on; those that were revoked meanwhile are missing
   */
  assigned(partitions: readonly AssignedPartition[]): Promise<readonly Place[]>
  /**
   * These partitions go: what of them comes from now on is left out, until they are assigned again. May
   * be called at any time, also while a batch waits for room.
   * @returns when all that was taken is confirmed and `safe`, or given up: they may be let go then
   */
  revoked(partitions: readonly string[], options?: RevokedOptions): Promise<void>
}

/**
 * A connection to a source that can be read again from a place. `safe` may come while `read` waits, one
 * call at a time. What `read` or `safe` throws is the connection's end: another one follows, unless it
 * is an error of semel's that is not retriable.
 * @typeParam T the message type
 */
export interface ReplayableConnection<T> {
  /** Rows of partitions that are assigned; it ends where there are none any more, or soon after the signal. */
  read(): AsyncIterable<SourceBatch<T>>
  /**
   * What lies before these places need not be given again: it is committed, as safely as the stream's
   * durability says; at most once, taken.
   */
  safe?(places: readonly Place[]): void | Promise<void>
  /**
   * Called once. Where its partitions may be somebody else's now, it tells so first: `revoked` with
   * `lost`. What was taken and is not lost goes its way, and is not read again.
   */
  close(): void | Promise<void>
}

/**
 * A source that can be read again: of partitions that come and go, in which an offset always means the
 * same row. Places are committed with the effects, so exactly-once needs no ids of it.
 *
 * Where a place is gone (older rows were deleted), its connection throws a `SemelError` that says so,
 * `SEMEL_SOURCE_GONE`: nothing is skipped in silence.
 * @typeParam T the message type
 */
export interface ReplayableSource<T> {
  readonly name: string
  readonly kind: 'replayable'
  /** Called again, with backoff, where it throws, or where a connection has ended with an error. */
  connect(context: ReplayableContext): ReplayableConnection<T> | Promise<ReplayableConnection<T>>
}
