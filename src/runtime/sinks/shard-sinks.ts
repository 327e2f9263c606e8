import type { Sink, SinkConnection, SinkContext } from '../../core/sink.js'
import type { TransactionalConnection } from '../../core/transactional.js'
import { transactionalSink } from '../../delivery/transactional.js'
import type { Graph } from '../../pipeline/graph.js'
import { checkConnection, closeConnection } from './connection.js'
import { SinkLink, type SinkLinkParts } from './sink-link.js'
import { shardMemo, type DirectoryMemo } from './sink-memo.js'
import type { SinkOfSet } from './sink-set.js'

/** The sinks of a shard, connected. */
export interface ShardSinks {
  /** To the one that has the last word. */
  readonly link: SinkLinkOf | undefined
  /** The others. */
  readonly beside: readonly SinkOfSet[]
  close(): Promise<void>
}

export interface SinkLinkOf {
  readonly link: SinkLink
  /** Among the pipeline's. */
  readonly index: number
  readonly sink: Sink<never>
}

export interface ShardSinksParts extends Omit<SinkLinkParts, 'sink' | 'connect'> {
  readonly graph: Graph
  /** By sink, its number in the directory. */
  readonly sinkNumbers: readonly number[]
  /** The stream's; empty where it keeps nothing. */
  readonly directory: string
  readonly context: (memo: DirectoryMemo | undefined) => SinkContext
}

/** The way to the sink that has the last word, not asked yet; undefined where none has. */
export function linkOf(parts: ShardSinksParts): SinkLinkOf | undefined {
  const { graph } = parts
  const sink = transactionalSink(graph)
  if (sink === undefined) return undefined
  const index = graph.sinks.findIndex((one) => one.sink === sink)
  const connect = async (): Promise<TransactionalConnection<unknown>> =>
    checkConnection(
      await sink.connect(parts.context(undefined)),
      sink,
    ) as TransactionalConnection<unknown>
  return { link: new SinkLink({ ...parts, sink, connect }), index, sink }
}

/** Connects the others. */
export async function connectSinks(
  parts: ShardSinksParts,
  link: SinkLinkOf | undefined,
): Promise<ShardSinks> {
  const { handle, shard, directory, graph, sinkNumbers, context } = parts
  const memos: DirectoryMemo[] = []
  const beside: SinkOfSet[] = []
  const close = async (): Promise<void> => {
    const closed = await Promise.allSettled([
      ...beside.map(({ sink, connection }) => closeConnection(connection, sink)),
      link?.link.close(),
    ])
    for (const memo of memos) memo.close()
    for (const one of closed) if (one.status === 'rejected') throw one.reason
  }
  try {
    for (const [index, { sink }] of graph.sinks.entries()) {
      if (sink === link?.sink) continue
      const number = sinkNumbers[index] as number
      const memo = shardMemo(handle, shard, directory, number)
      if (memo !== undefined) memos.push(memo)
      const connected: unknown = await sink.connect(context(memo))
      const connection: SinkConnection<unknown> = checkConnection(connected, sink)
      beside.push({ index, number, sink, connection })
    }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  return { link, beside, close }
}
