import type { MessageHeaders } from './headers.js'
import type { MalformedRow } from './message.js'
import type { Offset } from './offset.js'

/**
 * Some rows of one partition of a source, in order.
 * @typeParam T the message type
 */
export interface SourceBatch<T> {
  /** Names what the offsets count in; a file's path as the user gave it. */
  readonly partition: string
  readonly rows: readonly SourceRow<T>[]
  /** Where the partition can be read on from after this batch (covers skipped blank lines). */
  readonly offset: Offset
  /** The end of the partition as it is known now, in the unit of the offsets; for progress. */
  readonly size?: Offset
  /** What the partition is known by from now on, where that has changed; kept before the rows are. */
  readonly identity?: object
}

/**
/**
 * A message, with its headers where it has some, or a malformed row; with the offset from which reading
 * goes on behind it: above that of the row before, and above the one that reading began at.
 */
export type SourceRow<T> =
  | {
      readonly message: T
      readonly headers?: MessageHeaders | undefined
      readonly offset: Offset
    }
  | { readonly malformed: MalformedRow; readonly offset: Offset }

/** A partition that a directory has read from before. */
export interface KnownPartition {
  /** As it was called when it was first read. */
  readonly name: string
  /** As a source of this kind gave it; undefined where it was known by its name alone. */
  readonly identity: unknown
  /** Up to where all of it is stored; 0: nothing is. */
  readonly offset: Offset
}

/** A partition that is about to be read. */
export interface IdentifiedPartition {
  /** What its batches call it; no two of one reading have the same. */
  readonly name: string
  /** Indices in the list of known ones: all that are this partition. None: it is new. */
  readonly is: readonly number[]
  /** By what it will be known again: plain data that JSON has a form for. */
  readonly identity: object
}

/** What a source has to say to people while it is read; nothing of it stops the reading. */
export interface SourceNotice {
  readonly code: string
  /** In words: what has been found, where, and the remedy. */
  readonly message: string
  /** Whether rows may be missing: told by a warning of the process where nobody listens. */
  readonly warning: boolean
}

export interface SourceContext {
  /** Partition → the offset from which to go on; a partition that is missing starts at 0. */
  readonly offsets: ReadonlyMap<string, Offset>
  /** What `identify` has answered; missing where the source has none. */
  readonly identified?: readonly IdentifiedPartition[]
  /** Ends the reading behind a whole batch, without an error. */
  readonly signal: AbortSignal
  /** Tells people something. */
  readonly notice?: (notice: SourceNotice) => void
}

/**
 * Where messages come from. A resumable source starts behind what has been stored; offsets of a
 * partition only grow, and the same offset always means the same row.
 */
export interface Source<T> {
  readonly name: string
  readonly resumable: boolean
  /** Every partition that it will name, known before it is read; `identify` may tell of others. */
  readonly partitions: readonly string[]
  /** Files that it reads, where it does: a stream refuses one that its own sink writes. */
  readonly files?: readonly string[]
  /**
   * For a resumable source whose partitions can be called by several names, or whose names can come to
   * stand for something else, as a file's path can: which partitions there are to read now, and which
   * of the known ones each of them is. Called before each reading; those that are not in the answer
   * are not read. Without it a partition is known by its name.
   */
  identify?(
    known: readonly KnownPartition[],
    context: Pick<SourceContext, 'notice'>,
  ): Promise<readonly IdentifiedPartition[]>
  read(context: SourceContext): AsyncIterable<SourceBatch<T>>
}

/**
 * A message that a source has handed out, with its headers where it has some, or what of it can't be read.
 * @typeParam T the message type
 */
export type HandedOut<T> =
  | {
      readonly message: T
      readonly headers?: MessageHeaders | undefined
      readonly token: unknown
    }
  | { readonly malformed: MalformedRow; readonly token: unknown }

/**
 * A connection to a source that hands messages out, forgets each one that is acknowledged, and gives the
 * others again. One call of `safe` and of `extend` at a time; either may come while `read` waits. What
 * `read`, `safe` or `extend` throws is the connection's end: another one follows.
 * @typeParam T the message type
 */
export interface AcknowledgedConnection<T> {
  /**
   * Hands messages out, in order, and no more at a time than the source is to have under way. It ends
   * where the source has none any more, or soon after the signal.
   */
  read(): AsyncIterable<readonly HandedOut<T>[]>
  /**
   * These need not be given again: acknowledges them, message by message and in any order.
   * @returns those of them that the source has given to somebody else meanwhile, or will: at-most-once
   * does not process them
   */
  safe(tokens: readonly unknown[]): void | readonly unknown[] | Promise<void | readonly unknown[]>
  /** How long the source waits before it gives a message again; missing: as long as there is a connection. */
  readonly leaseMs?: number
  /** These are still under way. Called three times in each `leaseMs`. */
  extend?(tokens: readonly unknown[]): void | Promise<void>
  /** What was handed out and is not safe may be given to others. Called once. */
  close(): void | Promise<void>
}

/**
 * A source that hands messages out and has each acknowledged: a queue. A message is acknowledged when it
 * is stored as safely as the stream's durability says; at most once before it is processed. Exactly-once
 * knows what is given again by `id`.
 * @typeParam T the message type
 */
export interface AcknowledgedSource<T> {
  readonly name: string
  readonly kind: 'acknowledged'
  /** Called again, with backoff, where it throws, or where a connection has ended with an error. */
  connect(context: {
    readonly signal: AbortSignal
    readonly notice: (notice: SourceNotice) => void
  }): AcknowledgedConnection<T> | Promise<AcknowledgedConnection<T>>
}
