import type { Durability } from '../../core/delivery.js'
import type { OutputReader, SinkContext } from '../../core/sink.js'
import { sleep } from '../../core/waiting/timers.js'
import { addon, type NativeSeat } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import { Limiter } from '../operators/limiter.js'
import type { Pulse } from './heartbeat.js'
import type { DirectoryMemo } from '../sinks/sink-memo.js'
import type { ShardAnswer, ShardEvent } from '../failures/shard-event.js'
import { ShardLoop } from './shard-loop.js'
import { SinkFiles } from './sink-files.js'
import { connectSinks, linkOf } from '../sinks/shard-sinks.js'
import { untilAnswered, type SinkLink } from '../sinks/sink-link.js'

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
  /** The directory's history, or this opening's where there is none. */
  readonly lineage: string
  /** Whether messages are kept until they are done. */
  readonly isJournaled: boolean
  /** By sink of the pipeline, its number in the directory. */
  readonly sinkNumbers: readonly number[]
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
  const taken = addon().attach(handle, shard)
  const files = new SinkFiles(handle, shard, directories.stream)
  const parts = {
    ...opening,
    seat: taken,
    directory: directories.stream,
    context: (memo: DirectoryMemo | undefined) => contextOf(opening, taken, memo, files),
  }
  const link = linkOf(parts)
  const seat = link === undefined ? taken : await takeOver(opening, taken, link.link)
  const sinks = await connectSinks(parts, link)
  try {
    const loop = new ShardLoop({
      handle,
      shard,
      firstShard,
      shardCount,
      graph,
      seat: { ...seat, sinkPlaces: placesOf(seat, opening.sinkNumbers) },
      storedBefore: opening.storedBefore[shard] as number,
      pulse,
      limiter:
        graph.limits === undefined ? undefined : new Limiter(graph.limits, opening.limitMemory),
      sinks,
      lineage: opening.lineage,
      isJournaled: opening.isJournaled,
      flushes: durability === 'disk' || typeof durability === 'object',
      tell,
      answer,
      kick,
      outcomesAwaited: opening.outcomesAwaited,
    })
    await loop.begin()
    return { loop, close: () => sinks.close() }
  } catch (error) {
    await sinks.close().catch(() => {})
    throw error
  }
}

/** With a place for each sink, −1 where it has none yet. */
function placesOf({ sinkPlaces }: NativeSeat, numbers: readonly number[]): Float64Array {
  const places = new Float64Array(Math.max(sinkPlaces.length, ...numbers.map((one) => one + 1)))
  places.fill(-1)
  places.set(sinkPlaces)
  return places
}

function contextOf(
  opening: ShardOpening,
  { epoch }: NativeSeat,
  memo: DirectoryMemo | undefined,
  files: SinkFiles,
): SinkContext {
  const { shard, firstShard, shardsOfAll, graph, directories } = opening
  return {
    pipeline: graph.name,
    shard: firstShard + shard,
    shards: shardsOfAll,
    epoch,
    durability: opening.durability as Durability,
    base: directories.current,
    memo,
    reader: opening.readerOf?.(shard),
    claims: files.claims(),
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
    return { ...seat, ...addon().startOver(handle, shard, attempt) }
  } catch (error) {
    await link.close().catch(() => {})
    throw error
  }
}
