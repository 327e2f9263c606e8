import { Committer, type CommitterParts } from './committer.js'
import type { ByProducts } from '../sinks/by-products.js'
import type { Outlet } from '../sinks/outlet.js'
import { Route } from '../sinks/routes.js'
import type { ShardLoopParts } from './shard-loop-parts.js'
import { SinkSet } from '../sinks/sink-set.js'
import { TransactionalCommitter } from './transactional-committer.js'

/** The end of a shard's way, whatever its sink can do. */
export type AnyCommitter = Pick<Committer, 'through' | 'begin' | 'rest' | 'commit' | 'stop'>

type Told = Pick<
  CommitterParts,
  'answers' | 'origins' | 'refused' | 'committed' | 'again' | 'sinkFailed'
>

/** Chosen once: what has the last word on a commit, the ack log or the sink. */
export function committerOf(
  { handle, shard, seat, flushes, sinks }: ShardLoopParts,
  byProducts: ByProducts | undefined,
  told: Told,
): AnyCommitter {
  const all = { handle, shard, seat, flushes, ...told }
  const { link, only, beside } = sinks
  if (link !== undefined) {
    const route = byProducts && new Route(link.index, link.sink, byProducts)
    return new TransactionalCommitter({ ...all, link: link.link, route, beside: outletOf() })
  }
  const outlet = only ?? outletOf()
  if (outlet === undefined) throw new Error('a shard has a sink')
  return new Committer({ ...all, outlet })

  function outletOf(): Outlet | undefined {
    if (byProducts === undefined || beside.length === 0) return undefined
    return new SinkSet(beside, seat.sinkPlaces, byProducts)
  }
}
