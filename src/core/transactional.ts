import type { Origin } from './origin.js'
import type { SinkConnection } from './sink.js'

/**
 * A commit of one shard, and never another one's: a directory's history is a lineage, the sink raises the
 * epoch with every `begin`, and `n` grows with every commit.
 */
export interface CommitId {
  readonly lineage: string
  readonly epoch: number
  readonly n: number
}

export interface Output<T> {
  readonly value: T
  readonly origin: Origin
}

/** What a sink stores beside the outputs. */
export interface Commit {
  readonly id: CommitId
  /** What the sink must hold before; undefined: nothing, it has never taken a commit. */
  readonly parent: CommitId | undefined
  /** For whoever goes on from the sink alone: every message up to this sequence has ended, or is parked. */
  readonly through: number
  /**
   * For whoever goes on from the sink alone: where the sources of this shard have got to. Opaque, kept as
   * it is; 256 KiB at most, and empty where there are none.
   */
  readonly positions: Uint8Array
}

/** The newest commit, with what was stored beside its outputs. */
export type Held = Omit<Commit, 'parent'>

/** The most bytes of a commit's `positions`. */
export const positionsBytesMax = 262_144

/** What `begin` found. */
export interface Begun {
  /**
   * Higher than any that was given for this pipeline and shard before; where another lineage holds the
   * sink, the newest of these.
   */
  readonly epoch: number
  /** The newest commit that took effect; undefined where none ever did. */
  readonly last: CommitId | undefined
}

/**
 * One shard's connection to a sink that keeps the commit's number in the transaction that writes the
 * outputs. Under exactly-once `begin` and `commit` are called, under the other deliveries `write`, which
 * keeps none. What it keeps, it keeps for a pipeline and a shard (`SinkContext`).
 *
 * Whenever a call has failed in a way that leaves its outcome open, the connection is closed, another one
 * is opened, and that begins: so nothing is written again before the sink has been asked. That is tried
 * until it succeeds, but for a SemelError that is not `retriable` while the stream is being opened: that
 * ends the opening.
 */
export interface TransactionalConnection<T> extends SinkConnection<T> {
  /**
   * How many commits may be under way at once: `commit` is called again before the ones before it have
   * been answered. They take effect in the order of the calls, or not at all, and are answered in it.
   * @default 1
   */
  readonly commitsMax?: number
  /**
   * Raises the epoch, durably, and then looks what was committed: no commit of an older epoch takes effect
   * any more, even if it is still on its way. Where the sink holds a commit of another lineage it raises
   * nothing, and tells that commit.
   */
  begin(lineage: string): Promise<Begun>
  /**
   * Writes outputs, `id`, `through` and `positions` in one transaction, where its epoch is the newest one and the sink holds
   * `parent`. It ends in one of four ways:
   * - it resolves: all of it has taken effect, as durably as the sink makes it
   * - it rejects with RejectedOutputs: these outputs are refused, and nothing has taken effect
   * - it rejects with a CommitRefused: the epoch is an older one, or the parent is not what the sink
   *   holds, and nothing has taken effect
   * - it rejects with anything else: nobody knows
   *
   * A property and not a method, as `write` is.
   */
  commit: (outputs: readonly Output<T>[], commit: Commit) => Promise<void>
  /** What was committed last, without raising the epoch. */
  last(): Promise<Held | undefined>
}

/** Thrown by `commit` where somebody has begun, or committed, since. */
export class CommitRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CommitRefused'
  }
}

/** Whether two commits are the same one. */
export function isSameCommit(a: CommitId | undefined, b: CommitId | undefined): boolean {
  return a?.lineage === b?.lineage && a?.epoch === b?.epoch && a?.n === b?.n
}
