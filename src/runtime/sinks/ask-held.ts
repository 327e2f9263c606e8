import { SemelError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { CommitId, Held } from '../../core/transactional.js'
import type { Graph } from '../../pipeline/graph.js'
import { asking, type AskedShard } from './asking.js'
import { checkBegun } from './connection.js'

/** So often a sink's epoch is raised at most: each opening has raised it by a few. */
const beginsMax = 10_000

/**
 * What a transactional sink says that it has of a shard, without raising anything.
 * @throws SemelError `SEMEL_SINK` for what is no answer; what the sink throws
 */
export function askHeld(graph: Graph, shard: AskedShard): Promise<Held | undefined> {
  return asking(graph, shard, async (connection, sink) => {
    const held: unknown = await connection.last()
    if (held === undefined || isHeld(held)) return held
    throw new SemelError(
      'SEMEL_SINK',
      `the sink ${sink.name}: last answered ${shown(held)}; answer what was stored with the newest commit, { id, through, positions }, or undefined`,
    )
  })
}

/** Raises the sink's epoch until it is above another one. */
export function raiseAbove(
  graph: Graph,
  shard: AskedShard,
  lineage: string,
  epoch: number,
): Promise<void> {
  return asking(graph, shard, async (connection, sink) => {
    for (let begins = 0; begins < beginsMax; begins++) {
      const begun = checkBegun(await connection.begin(lineage), sink, lineage)
      if (begun.epoch > epoch) return
    }
    throw new SemelError(
      'SEMEL_SINK',
      `the sink ${sink.name} has not given an epoch above ${epoch} for shard ${shard.shard} after ${beginsMax} times; put it back to its newest state`,
    )
  })
}

function isHeld(answer: unknown): answer is Held {
  const { id, through, positions } = (answer ?? {}) as Partial<Held>
  const { lineage, epoch, n } = (id ?? {}) as Partial<CommitId>
  return (
    typeof lineage === 'string' &&
    isCount(epoch, 1) &&
    isCount(n, 1) &&
    isCount(through, 0) &&
    positions instanceof Uint8Array
  )
}

function isCount(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least
}
