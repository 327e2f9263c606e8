import type { Durability } from './delivery.js'
import type { Origin } from './origin.js'

/**
 * What a sink can do with a position, and so which deliveries it can carry.
 * - `transactional`: stores the commit's number with the outputs and refuses an older epoch
 *   (core/transactional.ts)
 * - `rewindable`: can be cut back to a place of its own that the ack log keeps
 * - `idempotent`: writing the same outputs again changes nothing
 * - `repeatable`: none of these; exactly-once does not compile with it
 */
export type SinkKind = 'transactional' | 'rewindable' | 'idempotent' | 'repeatable'

declare const isRead: unique symbol

/**
 * To the compiler a kind of its own, so that types tell which pipelines have a loop over their outputs;
 * all else takes it for what it is, `repeatable`.
 */
export type ReadKind = 'repeatable' & { readonly [isRead]: true }

/** Every sequence ≤ `through` is done, but for the parked ones. */
export interface Position {
  readonly epoch: number
  readonly through: number
  /** Of an output of the same call, by its index in `outputs`. */
  originOf(index: number): Origin
}

/** Between which places a write was to go. */
export interface WriteSpan {
  /** What lies between this place and `from` is the sink's own: others' is in front of it, or behind. */
  readonly own: number
  readonly from: number
  readonly to: number
  /** 32 bits of the sink's own by which it knows again what it wrote. */
  readonly check: number
}

/** What a rewindable connection has the stream's directory keep beside its place, for its successors. */
export interface SinkMemo {
  /** What was kept last; undefined where nothing ever was. */
  read(): unknown
  /** Keeps a JSON value in the stead of the last one; durable when it returns. For what seldom changes. */
  keep(value: unknown): void
  /**
   * The last write that was announced. Some before it may have no commit either: at `disk`, a process
   * takes those of its last group along. Undefined where that can't be relied on with the committed
   * `place`: it outlives the process, but a power loss only when sealed.
   */
  announced(place: number): WriteSpan | undefined
  /** Before each write; one small write of its own, and no sync but for a connection's first. */
  announce(span: WriteSpan): void
  /** No write will follow: what was announced last is durable when it returns. */
  seal(): void
}

/** Files outside of the stream's directory that nobody else is to write. */
export interface FileClaims {
  /**
   * Takes a file for this sink of the shard, whatever name it is reached by, until the stream is closed.
   * @throws SemelError `SEMEL_LOCKED` where another sink, shard, stream or process has it
   */
  claim(path: string): void
  release(path: string): void
  /** Whether another sink of the shard has taken it. */
  isOfAnother(path: string): boolean
}

/**
 * The way from a shard's connection to whoever reads the stream's outputs, in the thread that opened the
 * stream.
 */
export interface OutputReader {
  /**
   * Hands outputs over, in order, behind those before. Called also with none, to say that all that
   * `taken` has told of is committed.
   * @throws Error where they can't be taken to that thread: none of them is
   */
  hand(outputs: readonly unknown[]): void
  /** Resolves when the reader has taken some more: how many since the last answer. */
  taken(): Promise<number>
}

/** The shard that a connection serves. */
export interface SinkContext {
  readonly pipeline: string
  readonly shard: number
  readonly shards: number
  readonly epoch: number
  readonly durability: Durability
  /**
   * Where relative paths start: the process's current directory when the stream was opened.
   * @default the current directory
   */
  readonly base?: string
  /** Undefined where the stream has no directory. */
  readonly memo?: SinkMemo | undefined
  readonly claims?: FileClaims
  /** For a sink that `isRead`. */
  readonly reader?: OutputReader | undefined
}

/**
 * A sink as a definition names it: data, frozen, importable from any thread. Each shard opens its own
 * connection.
 * @typeParam T what it takes
 * @typeParam K what it can carry
 */
export interface Sink<T, K extends SinkKind = SinkKind> {
  /** For messages and reports: `file(bars.ndjson)`. */
  readonly name: string
  readonly kind: K
  /**
   * The kind is what the pipeline's author says of code of their own, and nothing can check it:
   * `forEach(fn, { idempotent: true })`. Reports say then that it rests on their word.
   */
  readonly declared?: true | undefined
  /** What was written lives no longer than its process, as with `memory()`. */
  readonly volatile?: true | undefined
  /**
   * A write that has thrown is made again for each output alone: it rests on the user's word that it had
   * written none. So with `forEachBatch`, and reports say so.
   */
  readonly inBatches?: true | undefined
  /** What is written goes to whoever reads the stream's outputs, as with `outputs()`. */
  readonly isRead?: true | undefined
  connect(context: SinkContext): SinkConnection<T> | Promise<SinkConnection<T>>
}

/** One shard's connection; called from one thread, one call at a time. */
export interface SinkConnection<T> {
  /**
   * Rewindable: called before the first write with the place that was committed, and again, at any time
   * between two calls, where what was written since is not to be committed; afterwards nothing behind that
   * place exists. With undefined where none ever was: what is there already comes
   * from elsewhere and stays. Where the `place()` that follows is another than the given one, whoever
   * calls it commits that before the first write: otherwise outputs of a first batch that a crash cut off
   * from its commit would pass for content from elsewhere, and stay when the batch is written again.
   * @throws SemelError `SEMEL_SINK_BEHIND` where less is there than was committed
   */
  rewind?(place: number | undefined): void | Promise<void>
  /** Rewindable: the place behind all that was written. */
  place?(): number
  /**
   * Writes outputs in order. It ends in one of four ways:
   * - it returns: all of them are written
   * - it throws RejectedOutputs: the first `written` are written, the rejected ones are refused, and
   *   the others have not been tried: they are written by another call
   * - it throws a SemelError `SEMEL_SINK_BEHIND`: what was committed is there no more; the shard fails
   * - it throws anything else: the sink as a whole failed and none of them is written; the same call
   *   is made again with backoff
   *
   * A property and not a method, so that the compiler refuses a sink that takes less than T.
   */
  write: (outputs: readonly T[], position: Position) => void | Promise<void>
  /**
   * Where outputs are taken one by one, by somebody who may stop at any of them, called in the stead of
   * `write`, with the same outcomes. It resolves when some of them, from the front, are written: what
   * has ended with these is committed, and the others are given to the next call.
   * @returns how many, at least one
   */
  writeSome?(outputs: readonly T[], position: Position): Promise<number>
  /**
   * All that was written reaches stable storage; called at durability `disk` and `{ interval }`. A
   * throw means that nobody knows what has reached it: it is not tried again, the shard fails.
   */
  flush?(): void | Promise<void>
  /** May be called twice. A write after it throws a ClosedError. */
  close(): void | Promise<void>
}

/**
 * Thrown by `write` when single outputs are at fault. The first `written` outputs are written; none of
 * those behind is.
 */
export class RejectedOutputs extends Error {
  /** Index in `outputs` → why; each index ≥ `written`. */
  readonly rejected: ReadonlyMap<number, Error>
  /**
   * How many outputs, counted from the front, have been written. 0 where a sink looks through a batch
   * before it writes; more where each output takes effect at once, as with `forEach`.
   */
  readonly written: number

  constructor(rejected: ReadonlyMap<number, Error>, written = 0) {
    super(`the sink refuses ${rejected.size} output${rejected.size === 1 ? '' : 's'}`)
    this.name = 'RejectedOutputs'
    this.rejected = rejected
    this.written = written
  }
}
