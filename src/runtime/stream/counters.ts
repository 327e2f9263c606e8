import type { Counters } from '../../core/message.js'
import type { NativeStatus } from '../../native/addon.js'

/** A shard as it stands. */
export interface ShardCounters extends Counters {
  readonly shard: number
  readonly through: number
  readonly durable: number
  /** Ids in the dedup index, and the memory that it takes. */
  readonly ids: number
  /** How far back ids are known for certain: less than the window where it had to be shortened. */
  readonly windowMs: number
  readonly indexBytes: number
}

/** All shards together. */
export function sum(shards: readonly Counters[]): Counters {
  const total = {
    stored: 0,
    processed: 0,
    filtered: 0,
    duplicate: 0,
    late: 0,
    deadLettered: 0,
    dropped: 0,
    parked: 0,
    inFlight: 0,
  }
  for (const shard of shards) {
    for (const name of Object.keys(total) as (keyof Counters)[]) total[name] += shard[name]
  }
  return total
}

export function shardCounters(shard: number, status: NativeStatus): ShardCounters {
  return {
    shard,
    stored: status.stored,
    processed: status.processed,
    filtered: status.filtered,
    duplicate: status.duplicate,
    late: status.late,
    deadLettered: status.deadLettered,
    dropped: status.dropped,
    parked: status.parked,
    inFlight: status.stored - status.through,
    through: status.through,
    durable: status.durable,
    ids: status.ids,
    windowMs: status.windowMs,
    indexBytes: status.indexBytes,
  }
}
