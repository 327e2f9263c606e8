import type { Offset } from '../../core/offset.js'

/** Something that the owner of the stream should hear of. */
export type ShardEvent =
  | {
      readonly kind: 'sink-failed'
      readonly shard: number
      readonly error: string
      readonly attempt: number
      readonly retryInMs: number
    }
  | {
      readonly kind: 'unavailable'
      readonly shard: number
      readonly error: string
      /** Of the shard, in a row: 1 for the first. */
      readonly attempt: number
      readonly retryInMs: number
    }
  | {
      readonly kind: 'dead-letter'
      readonly shard: number
      readonly sequence: number
      readonly error: string
    }
  /** A dead letter, or a late message, that the sink for them does not take. */
  | {
      readonly kind: 'sink-refused'
      readonly shard: number
      readonly sequence: number
      readonly sink: string
      readonly error: string
    }
  | {
      readonly kind: 'stalled'
      readonly shard: number
      readonly reason: 'parked' | 'ids' | 'outputs'
    }

/** What a shard tells its stream, and nobody else. */
export type ShardAnswer =
  /** What this list gives up, and no later one, takes no effect from now on. */
  | { readonly kind: 'gave-up'; readonly shard: number; readonly version: number }
  /** The first message of a partition that is given up: those before it are done. */
  | {
      readonly kind: 'given-up-from'
      readonly shard: number
      readonly partition: number
      readonly offset: Offset
    }
