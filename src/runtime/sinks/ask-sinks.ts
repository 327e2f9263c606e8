import { SemelError } from '../../core/errors.js'
import { transactionalSink } from '../../delivery/transactional.js'
import { sleep } from '../../core/waiting/timers.js'
import type { Graph } from '../../pipeline/graph.js'
import { asking } from './asking.js'
import { checkBegun } from './connection.js'
import { sinkFailure } from './sink-failure.js'
import type { Settings } from '../settings/options.js'

/**
 * What a transactional sink says of each shard before the directory is read: its new epoch, and its last
 * commit's epoch and n. Nothing is restored or cut before.
 * @param signal ends it between two attempts
 * @throws SemelError what asking again can't help: `SEMEL_SINK_TAKEN`, `SEMEL_SINK`; the signal's reason
 */
export async function askSinks(
  { graph, settings }: { readonly graph: Graph; readonly settings: Settings },
  lineage: string,
  base: string,
  signal: AbortSignal,
): Promise<Float64Array> {
  const answers = new Float64Array(settings.shards * 3)
  for (let shard = 0; shard < settings.shards; shard++) {
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      try {
        answers.set(await askOnce(graph, settings, shard, lineage, base), shard * 3)
        break
      } catch (error) {
        // What no second attempt can help: it does not fit, is wrongly configured, or is no such sink.
        if (error instanceof SemelError && !error.retriable) throw error
        const failure = sinkFailure(error, attempt)
        if (attempt === 1) warn(transactionalSink(graph)?.name ?? '', shard, failure.error)
        await sleep(failure.delayMs)
      }
    }
  }
  return answers
}

function askOnce(
  graph: Graph,
  { firstShard, shardsOfAll: shards, durability }: Settings,
  shard: number,
  lineage: string,
  base: string,
): Promise<[number, number, number]> {
  const asked = { shard: firstShard + shard, shards, durability, base }
  return asking(graph, asked, async (connection, sink) => {
    const { epoch, last } = checkBegun(await connection.begin(lineage), sink, lineage)
    return [epoch, last?.epoch ?? 0, last?.n ?? 0]
  })
}

/** Nobody listens to a stream's events yet, and an opening that waits should not do so in silence. */
function warn(name: string, shard: number, { message }: Error): void {
  process.emitWarning(
    `the sink ${name} can't be asked what shard ${shard} has committed: ${message}; it is asked again until it answers`,
    { type: 'SemelWarning', code: 'SEMEL_SINK' },
  )
}
