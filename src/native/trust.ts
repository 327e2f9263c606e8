import type { Offset } from '../core/offset.js'
import type { SequenceRange } from './damage.js'

/** What a sink has of a shard; `n` is 0 where it has nothing. */
export interface NativeHeld {
  lineage: string
  epoch: number
  n: number
  through: number
  /** False: the sources found no room beside the commit. */
  knowsSources: boolean
  /** Numbers as the directory has them, and the offsets. */
  partitions: number[]
  offsets: Offset[]
}

/**
 * How a sink stands to a shard of the directory.
 *
 * - `agreed`: nothing is to be done
 * - `ahead`: it has commits that the directory does not know
 * - `behind`: it has lost commits that the directory knows it had
 * - `other`: it has another directory's
 */
export type Standing = 'agreed' | 'ahead' | 'behind' | 'other'

/** What going on from the sink alone means for a shard; messages by sequence. */
export interface NativeTrust {
  readonly shard: number
  readonly standing: Standing
  /** The last message in the directory. */
  readonly stored: number
  readonly throughBefore: number
  /** Where it goes on behind. */
  readonly through: number
  readonly commitBefore: { readonly epoch: number; readonly n: number }
  readonly commit: { readonly epoch: number; readonly n: number }
  /** The newest that the directory knows. */
  readonly sinkEpoch: number
  readonly done: readonly SequenceRange[]
  readonly redone: readonly SequenceRange[]
  readonly lost: readonly SequenceRange[]
  readonly parked: readonly SequenceRange[]
  readonly forgotten: readonly SequenceRange[]
  readonly knowsSources: boolean
  readonly sources: readonly {
    readonly partition: number
    readonly before?: Offset
    readonly after?: Offset
  }[]
  /** Partitions that can't go back: messages of theirs wait in the journal. */
  readonly stuckSources: readonly number[]
}

export interface NativeTrusted {
  readonly name: string
  readonly shards: readonly NativeTrust[]
  readonly steps: readonly string[]
  readonly refusals: readonly string[]
  readonly originals: string
}
