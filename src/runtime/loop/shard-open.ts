import type { Durability } from '../../core/delivery.js'
import type { OutputReader } from '../../core/sink.js'
import { checkConnection, closeConnection } from './connection.js'
import { addon } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import { Limiter } from '../operators/limiter.js'
import type { Pulse } from './heartbeat.js'
import { refuseOwnFile } from '../directory/own-files.js'
import { shardMemo } from './sink-memo.js'
import type { ShardAnswer, ShardEvent } from '../failures/shard-event.js'
import { ShardLoop } from './shard-loop.js'

export { limitMemory } from '../operators/limiter.js'

export interface ShardOpening {
  readonly handle: number
  readonly shard: number
  /** Where messages choose their delivery, shards are numbered on from class to class. */
  readonly firstShard: number
  readonly shardsOfAll: number
  /** Of the stream, or of its class. */
  readonly shardCount: number
  /** By shard: the last sequence that it had when the stream was opened, whichever worker has it now. */
  readonly storedBefore: readonly number[]
  readonly graph: Graph
  readonly durability: unknown
  readonly directories: Directories
  /** Of the rate of the whole stream. */
  readonly limitMemory: SharedArrayBuffer
  readonly pulse: Pulse
  readonly tell: (event: ShardEvent) => void
  readonly answer: (answer: ShardAnswer) => void
  readonly kick: () => void
  readonly outcomesAwaited?: () => boolean
  /** Missing where nobody reads outputs. */
  readonly readerOf?: ((shard: number) => OutputReader) | undefined
}

/** Absolute, and the same for each worker that follows another, wherever the process has gone to since. */
export interface Directories {
  /** The process's when the stream was opened. */
  readonly current: string
  /** The stream's; empty where it keeps nothing. */
  readonly stream: string
}

/** Takes a shard over, connects its sink and brings that to what was committed. */
export async function openShard(
  opening: ShardOpening,
): Promise<{ loop: ShardLoop; close: () => Promise<void> }> {
  const { handle, shard, firstShard, shardsOfAll, shardCount, graph, directories } = opening
  const { pulse, tell, answer, kick } = opening
  const durability = opening.durability as Durability
  const seat = addon().attach(handle, shard)
  const memo = shardMemo(handle, shard, directories.stream)
  const connected: unknown = await graph.sink.connect({
    pipeline: graph.name,
    shard: firstShard + shard,
    shards: shardsOfAll,
    epoch: seat.epoch,
    durability,
    base: directories.current,
    memo,
    reader: opening.readerOf?.(shard),
    claims: {
      claim: (path) => {
        refuseOwnFile(path, directories.stream)
        addon().lockFile(handle, shard, path)
      },
      release: (path) => addon().unlockFile(handle, shard, path),
    },
  })
  const connection = checkConnection(connected, graph.sink)
  const close = async (): Promise<void> => {
    try {
      await closeConnection(connection, graph.sink)
    } finally {
      memo?.close()
    }
  }
  try {
    const loop = new ShardLoop({
      handle,
      shard,
      firstShard,
      shardCount,
      graph,
      seat,
      storedBefore: opening.storedBefore[shard] as number,
      pulse,
      limiter:
        graph.limits === undefined ? undefined : new Limiter(graph.limits, opening.limitMemory),
      connection,
      flushes: durability === 'disk' || typeof durability === 'object',
      tell,
      answer,
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
