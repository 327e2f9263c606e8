import type { Graph } from '../pipeline/graph.js'

/** Whether the sink has the last word on each commit: under the other deliveries it keeps no position. */
export function isTransactional({ sink, deliver }: Pick<Graph, 'sink' | 'deliver'>): boolean {
  return sink.kind === 'transactional' && deliver.delivery === 'exactly-once'
}
