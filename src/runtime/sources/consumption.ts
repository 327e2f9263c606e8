import type { Offset } from '../../core/offset.js'
import type { Source, SourceNotice } from '../../core/source.js'
import type { WaitOptions } from '../../core/waiting/wait.js'
import type { Graph } from '../../pipeline/graph.js'
import type { Ingest } from '../door/ingest.js'
import type { Sender } from '../door/sender.js'
import type { Settings } from '../settings/options.js'
import type { SourceClaims } from './source-claims.js'
import type { SourceOffsets } from './source-offsets.js'

export interface ConsumeProgress {
  /** Rows read so far, malformed ones included. */
  readonly rows: number
  readonly malformed: number
  /** How far the partitions have been read together, and their ends, in the source's unit. */
  readonly offset: number
  /** 0 where the source does not tell. */
  readonly size: number
}

export interface ConsumeOptions {
  /**
   * Ends reading after the batch at hand, or at a row where there is no room for it; what was read is
   * stored, and what was not is read again. A source that does not end by itself within a second is
   * left.
   */
  signal?: AbortSignal
  /**
   * Called after each batch; what it throws ends the reading. Of a promise that it answers, a rejection
   * does so at the next batch.
   */
  onProgress?: (progress: ConsumeProgress) => void
  /**
   * Called with what the source has to tell people: bytes left for the next reading, content that has
   * been replaced.
   * @default warnings become warnings of the process, and the others are not told
   */
  onNotice?: (notice: SourceNotice) => void
}

export interface Consumed {
  /** Rows that were read now, malformed ones included; not those that earlier runs had stored. */
  readonly rows: number
  readonly malformed: number
}

/** A shard of a destination, as its sequences are now. */
export interface ShardEnds {
  /** Up to here it has taken. */
  readonly stored: number
  /** Up to here all has ended, as durably as the level makes it. */
  readonly ended: number
}

/** What is under way of a partition is given up. */
export interface GivingUp {
  /** Nothing of it takes effect from then on. */
  readonly stopped: Promise<void>
  /** All of it has ended; by shard, the first offset that was given up, where there was one. */
  readonly ended: Promise<ReadonlyMap<number, Offset>>
}

/** Shards that a source's messages go to. */
export interface Destination {
  readonly handle: number
  readonly graph: Graph
  readonly settings: Settings
  readonly ingest: Ingest
  readonly sender: Sender
  readonly ready: (options: WaitOptions) => Promise<void>
  /** Until what was taken before is stored. */
  readonly flush: (options: WaitOptions) => Promise<void>
  /** Where a shard's sequences stand; undefined where the stream is over. */
  readonly ends: (shard: number) => ShardEnds | undefined
  /** Lets half-filled batches go, and hurries what is still to be synced. */
  readonly hurry: () => void
  /** What is under way of a partition, by its number, is to take no effect any more. */
  readonly giveUp: (partition: number) => GivingUp
  /** @throws SemelError where the stream takes nothing any more */
  readonly check: () => void
  /** Given when that is so. */
  readonly over: AbortSignal
  /** Of the open stream: what all of its readings have stored. */
  readonly offsets: SourceOffsets
  readonly claims: SourceClaims
}

export interface ConsumeParts {
  /** Of the pipeline. */
  readonly name: string
  readonly source: Source<unknown>
  readonly options: ConsumeOptions
  /** One, or one for each class of messages; the strictest first. */
  readonly destinations: readonly Destination[]
  /** The message as operators will see it. */
  readonly check: (message: unknown) => unknown
  /** The number of a checked message's destination. */
  readonly classOf: (checked: unknown) => number
}
