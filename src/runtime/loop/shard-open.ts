import type { Durability } from '../../core/delivery.js'
import type { OutputReader, SinkConnection, SinkContext } from '../../core/sink.js'
import { sleep } from '../../core/waiting/timers.js'
import type { TransactionalConnection } from '../../core/transactional.js'
import { isTransactional } from '../../delivery/transactional.js'
import { checkConnection, closeConnection } from './connection.js'
import { addon, type NativeSeat } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import { Limiter } from '../operators/limiter.js'
import type { Pulse } from './heartbeat.js'
import { refuseOwnFile } from '../directory/own-files.js'
import { shardMemo } from './sink-memo.js'
import type { ShardAnswer, ShardEvent } from '../failures/shard-event.js'
import { ShardLoop } from './shard-loop.js'
import { SinkLink, untilAnswered } from './sink-link.js'

export { limitMemory } from '../operators/limiter.js'

/** How long to wait for room in the ack log, or for a group. */
const roomMs = 1

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
  readonly lineage: string
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
  const { handle, shard, firstShard, shardCount, graph, directories } = opening
  const { pulse, tell, answer, kick } = opening
  const durability = opening.durability as Durability
  const memo = shardMemo(handle, shard, directories.stream)
  const taken = addon().attach(handle, shard)
  const connect = async (): Promise<SinkConnection<unknown>> =>
    checkConnection(await graph.sink.connect(contextOf(opening, taken, memo)), graph.sink)
  const link = isTransactional(graph)
    ? new SinkLink({
        ...opening,
        seat: taken,
        sink: graph.sink,
        connect: connect as () => Promise<TransactionalConnection<unknown>>,
      })
    : undefined
  const seat = link === undefined ? taken : await takeOver(opening, taken, link)
  const connection = link === undefined ? await connect() : link.connection
  const close = async (): Promise<void> => {
    try {
      await (link === undefined ? closeConnection(connection, graph.sink) : link.close())
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
      link,
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

function contextOf(
  opening: ShardOpening,
  { epoch }: NativeSeat,
  memo: ReturnType<typeof shardMemo>,
): SinkContext {
  const { handle, shard, firstShard, shardsOfAll, graph, directories } = opening
  return {
    pipeline: graph.name,
    shard: firstShard + shard,
    shards: shardsOfAll,
    epoch,
    durability: opening.durability as Durability,
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
  }
}

/** What the worker before had prepared took effect or did not: the sink says so before anything is polled. */
async function takeOver(
  { handle, shard, tell }: ShardOpening,
  seat: NativeSeat,
  link: SinkLink,
): Promise<NativeSeat> {
  const { attempt } = seat
  try {
    const found = await untilAnswered(link, (error, tried, retryInMs) =>
      tell({ kind: 'sink-failed', shard, error: error.message, attempt: tried, retryInMs }),
    )
    for (let confirmed = 0; confirmed < found; confirmed++) {
      while (!addon().confirm(handle, shard, attempt, true)) await sleep(roomMs)
    }
    addon().discard(handle, shard, attempt)
    while (!addon().record(handle, shard, attempt)) await sleep(roomMs)
    return { ...seat, firstSequence: addon().startOver(handle, shard, attempt) }
  } catch (error) {
    await link.close().catch(() => {})
    throw error
  }
}
