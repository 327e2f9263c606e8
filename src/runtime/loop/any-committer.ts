import { Committer, type CommitterParts } from './committer.js'
import { isPlain } from '../../pipeline/graph.js'
import type { SlotReader } from '../operators/slot-reader.js'
import { ByProducts } from '../sinks/by-products.js'
import { Origins } from '../sinks/origins.js'
import type { ShardSinks } from '../sinks/shard-sinks.js'
import { OneSink } from '../sinks/outlet.js'
import { Route } from '../sinks/routes.js'
import type { ShardLoopParts } from './shard-loop-parts.js'
import { SinkSet, type SinkOfSet } from '../sinks/sink-set.js'
import { TransactionalCommitter } from './transactional-committer.js'

/** The end of a shard's way, whatever its sink can do. */
export type AnyCommitter = Pick<Committer, 'through' | 'begin' | 'rest' | 'commit' | 'stop'>

type Told = Pick<CommitterParts, 'answers' | 'refused' | 'committed' | 'again' | 'sinkFailed'>

/** Chosen once: what has the last word on a commit, the ack log or the sink. */
export function committerOf(parts: ShardLoopParts, slots: SlotReader, told: Told): AnyCommitter {
  const { handle, shard, graph, seat, flushes, sinks } = parts
  const shardOfAll = parts.firstShard + shard
  const through = (): number => committer.through
  const byProducts = isPlain(graph)
    ? undefined
    : new ByProducts({ ...parts, shardOfAll, slots, through })
  const origins = new Origins({
    ...parts,
    pipeline: graph.name,
    shardOfAll,
    slots,
    byProducts,
    through,
  })
  const committed: Told['committed'] = (details) => {
    byProducts?.forget()
    told.committed(details)
  }
  const committer = made(
    { handle, shard, seat, flushes, origins, ...told, committed },
    sinks,
    byProducts,
  )
  return committer
}

function made(
  all: Omit<CommitterParts, 'outlet'>,
  { link, beside }: ShardSinks,
  byProducts: ByProducts | undefined,
): AnyCommitter {
  const set = byProducts && new SinkSet(beside, all.seat.sinkPlaces, byProducts)
  if (link !== undefined) {
    const route = byProducts && new Route(link.index, link.sink, byProducts)
    return new TransactionalCommitter({ ...all, link: link.link, route, beside: set })
  }
  const [only] = beside as [SinkOfSet]
  return new Committer({ ...all, outlet: set ?? new OneSink(only.connection) })
}
