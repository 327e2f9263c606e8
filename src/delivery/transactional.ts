import type { Sink } from '../core/sink.js'
import type { Graph } from '../pipeline/graph.js'

/**
 * The sink that has the last word on each commit; none under the other deliveries, where it keeps no
 * position.
 */
export function transactionalSink({
  sinks,
  deliver,
}: Pick<Graph, 'sinks' | 'deliver'>): Sink<never> | undefined {
  if (deliver.delivery !== 'exactly-once') return undefined
  return sinks.find(({ sink }) => sink.kind === 'transactional')?.sink
}
