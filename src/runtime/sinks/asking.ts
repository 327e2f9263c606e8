import type { Sink, SinkContext } from '../../core/sink.js'
import type { TransactionalConnection } from '../../core/transactional.js'
import { transactionalSink } from '../../delivery/transactional.js'
import type { Graph } from '../../pipeline/graph.js'
import { checkConnection } from './connection.js'

/** A shard as its sink knows it. */
export type AskedShard = Pick<SinkContext, 'shard' | 'shards' | 'base'> &
  /** @default 'disk' */
  Partial<Pick<SinkContext, 'durability'>>

/** Asks a pipeline's transactional sink something of a shard, by a connection that is closed behind it. */
export async function asking<R>(
  graph: Graph,
  shard: AskedShard,
  ask: (connection: TransactionalConnection<unknown>, sink: Sink<never>) => Promise<R>,
): Promise<R> {
  const sink = transactionalSink(graph) as Sink<never>
  const answer: unknown = await sink.connect({
    pipeline: graph.name,
    epoch: 0,
    durability: 'disk',
    ...shard,
  })
  const connection = checkConnection(answer, sink) as TransactionalConnection<unknown>
  try {
    return await ask(connection, sink)
  } finally {
    // How it ends says nothing new.
    await Promise.resolve(connection.close()).catch(() => {})
  }
}
