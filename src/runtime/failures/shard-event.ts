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
  | {
      readonly kind: 'stalled'
      readonly shard: number
      readonly reason: 'parked' | 'ids' | 'outputs'
    }
