import { resolve } from 'node:path'
import { deliveries, type Durability } from '../../core/delivery.js'
import { transactionalSink } from '../../delivery/transactional.js'
import type { NativeOptions } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import type { Settings } from './options.js'

/** What the native core needs to know of a pipeline and its settings; `current`: where paths start. */
export function nativeOptions(graph: Graph, settings: Settings, current: string): NativeOptions {
  const { accepts, deliver, sinks } = graph
  // A sink that can be cut back may see messages before they are durable: its commit alone waits.
  // Nor does one that waits for the block, which is in the group of its messages or in a later one.
  const transactional = transactionalSink(graph) !== undefined
  const canWait = sinks.every(
    ({ sink: { kind } }) => kind === 'rewindable' || (transactional && kind === 'transactional'),
  )
  return {
    name: graph.name,
    // A program may change its current directory while the stream is open.
    directory: settings.dir === '' ? '' : resolve(current, settings.dir),
    shards: settings.shards,
    workers: Math.max(1, settings.workers),
    delivery: deliveries.indexOf(settings.delivery) as 0 | 1 | 2,
    payloads: accepts.kind === 'frames' ? 2 : 1,
    frameBytes: accepts.kind === 'frames' ? accepts.size : 0,
    durability: durabilityNumber(settings.durability),
    visibility: canWait ? 0 : 1,
    journal: settings.journal,
    ringBytes: settings.ringBytes,
    segmentBytes: settings.segmentBytes,
    intervalMs: typeof settings.durability === 'object' ? settings.durability.interval : 0,
    groupPauseUs: settings.groupPauseUs,
    dedup: deliver.id !== undefined,
    // Whole ones: no id is forgotten before its window has ended.
    windowMs: Math.ceil(deliver.windowMs ?? 0),
    maxIds: deliver.maxIds,
    shortenWindow: deliver.whenFull === 'shorten-window',
    parkedMax: settings.parkedMax,
    inFlightMax: settings.inFlightMax,
    transactional,
  }
}

function durabilityNumber(durability: Durability): 0 | 1 | 2 | 3 {
  if (durability === 'memory') return 0
  if (durability === 'process') return 1
  return durability === 'disk' ? 3 : 2
}
