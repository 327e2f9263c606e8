import type { MalformedRow } from './message.js'

/**
 * Some rows of one partition of a source, in order.
 * @typeParam T the message type
 */
export interface SourceBatch<T> {
  /** Names what the offsets count in; a file's path as the user gave it. */
  readonly partition: string
  readonly rows: readonly SourceRow<T>[]
  /** Where the partition can be read on from after this batch (covers skipped blank lines). */
  readonly offset: number
  /** The end of the partition as it is known now, in the unit of the offsets; for progress. */
  readonly size?: number
}

/** A message or a malformed row, with the offset from which reading goes on behind it. */
export type SourceRow<T> =
  | { readonly message: T; readonly offset: number }
  | { readonly malformed: MalformedRow; readonly offset: number }

export interface SourceContext {
  /** Partition → the offset from which to go on; a partition that is missing starts at 0. */
  readonly offsets: ReadonlyMap<string, number>
  /** Ends the reading behind a whole batch, without an error. */
  readonly signal: AbortSignal
}

/**
 * Where messages come from. A resumable source starts behind what has been stored; offsets of a
 * partition only grow, and the same offset always means the same row.
 */
export interface Source<T> {
  readonly name: string
  readonly resumable: boolean
  /** Every partition that it will name, known before it is read. */
  readonly partitions: readonly string[]
  /** Files that it reads, where it does: a stream refuses one that its own sink writes. */
  readonly files?: readonly string[]
  read(context: SourceContext): AsyncIterable<SourceBatch<T>>
}
