import type { Durability } from '../core/delivery.js'
import { checkConnection, closeConnection } from './connection.js'
import { addon } from '../native/addon.js'
import type { Graph } from '../pipeline/graph.js'
import type { Pulse } from './heartbeat.js'
import type { ShardEvent } from './shard-event.js'
import { ShardLoop } from './shard-loop.js'

export interface ShardOpening {
  readonly handle: number
  readonly shard: number
  /** Where messages choose their delivery, shards are numbered on from class to class. */
  readonly firstShard: number
  readonly shardsOfAll: number
  /** Of the stream, or of its class. */
  readonly shardCount: number
  readonly graph: Graph
  readonly durability: unknown
  readonly pulse: Pulse
  readonly tell: (event: ShardEvent) => void
  readonly kick: () => void
  readonly outcomesAwaited?: () => boolean
}

/** Takes a shard over, connects its sink and brings that to what was committed. */
export async function openShard(
  opening: ShardOpening,
): Promise<{ loop: ShardLoop; close: () => Promise<void> }> {
  const { handle, shard, firstShard, shardsOfAll, shardCount, graph, pulse, tell, kick } = opening
  const durability = opening.durability as Durability
  const seat = addon().attach(handle, shard)
  const answer: unknown = await graph.sink.connect({
    pipeline: graph.name,
    shard: firstShard + shard,
    shards: shardsOfAll,
    epoch: seat.epoch,
    durability,
  })
  const connection = checkConnection(answer, graph.sink)
  const close = (): Promise<void> => closeConnection(connection, graph.sink)
  try {
    const loop = new ShardLoop({
      handle,
      shard,
      firstShard,
      shardCount,
      graph,
      seat,
      pulse,
      connection,
      flushes: durability === 'disk' || typeof durability === 'object',
      tell,
      kick,
      outcomesAwaited: opening.outcomesAwaited,
    })
    await loop.begin()
    return { loop, close }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}
