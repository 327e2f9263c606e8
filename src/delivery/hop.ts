import type { Acknowledgment } from '../core/acknowledge.js'
import type { Delivery, Durability } from '../core/delivery.js'
import type { Graph } from '../pipeline/graph.js'
import type { SourceKind } from './source-kind.js'
import type { Sink } from '../core/sink.js'

/**
 * From the sender's hands, or a source, to the eyes of whoever reads what the sink holds. `source` is
 * there for each kind among the sources that the report was asked about.
 */
export type HopName = 'source' | 'sender' | 'stored' | 'processed' | 'sink' | 'reader'

/**
 * What may happen on the way.
 * - `sent-again`: the sender sends a message that is stored already
 * - `handler-failure`: an operator throws or rejects
 * - `worker-death`: a worker ends, runs out of its heap or shows no sign of life
 * - `kill`: the process is gone, by kill -9 or of itself
 * - `power-loss`: the machine is
 * - `sink-failure`: the sink fails as a whole, or refuses single outputs
 * - `full-ring`: messages come faster than they are handled, and the pipeline says what to drop
 * - `full-disk`, `failed-sync`: of the stream's directory
 * - `clock-jump`: the wall clock is set
 */
export type Fault =
  | 'sent-again'
  | 'handler-failure'
  | 'worker-death'
  | 'kill'
  | 'power-loss'
  | 'sink-failure'
  | 'full-ring'
  | 'full-disk'
  | 'failed-sync'
  | 'clock-jump'

export const faults: readonly Fault[] = [
  'sent-again',
  'handler-failure',
  'worker-death',
  'kill',
  'power-loss',
  'sink-failure',
  'full-ring',
  'full-disk',
  'failed-sync',
  'clock-jump',
]

/**
 * What a fault does at a hop.
 * - `lost`, `repeated`: to some messages
 * - `unknown`: either, or both
 * - `stops`: nothing to a message, but the way is closed until something is done
 * - `limited`: nothing to what is promised; a limit that the report names is met
 */
export type Effect = 'lost' | 'repeated' | 'unknown' | 'stops' | 'limited'

/** A fault that shows at a hop. */
export interface Encounter {
  readonly fault: Fault
  readonly effect: Effect
  /** Whether what the delivery promises holds through it at this hop. */
  readonly holds: boolean
  readonly says: string
}

/** What a hop's promise takes for granted, from the least to the most. */
export type Rest = 'nothing' | 'window' | 'committed-reads' | 'your-word'

export interface Hop {
  readonly hop: HopName
  /** What this hop does to a message on its own. */
  readonly promise: Delivery
  readonly what: string
  readonly why: string
  /** Until when, where a time bounds it. */
  readonly until: string | null
  readonly restsOn: Rest
  /** In a few words what is weak about it; null where nothing is. */
  readonly limit: string | null
  /** Faults that show here; all others pass this hop by. */
  readonly encounters: readonly Encounter[]
}

/** How a pipeline is opened, as far as the report depends on it. */
export interface Opening {
  /** Empty: none is kept. */
  readonly dir: string
  readonly shards: number
  readonly workers: number
  readonly durability: Durability
  /** Whether messages are kept until they are done; else their sources give them again. */
  readonly journal: boolean
  readonly acknowledge: Acknowledgment
  readonly inFlightMax: number
  readonly heartbeatMs: number
}

/** Sources that are to be read, by their names. */
export type Named = ReadonlyMap<SourceKind, readonly string[]>

/** What the hops are told. */
export interface Subject {
  readonly graph: Graph
  readonly opening: Opening
}

/** What the hops of a sink are told. */
export interface SinkSubject extends Subject {
  readonly sink: Sink<never>
}

/** Whether messages come from replayable sources alone, and nothing can be sent. */
export function isUnsent({ graph, opening }: Subject): boolean {
  return graph.deliver.by === 'position' || !opening.journal
}

/** The faults as a report names them. */
export const faultNames: { readonly [F in Fault]: string } = {
  'sent-again': 'a message sent again',
  'handler-failure': 'a handler that fails',
  'worker-death': "a worker's death",
  kill: 'kill -9',
  'power-loss': 'power loss',
  'sink-failure': 'a sink that fails',
  'full-ring': 'a full ring',
  'full-disk': 'a full disk',
  'failed-sync': 'a failed sync',
  'clock-jump': 'a clock that jumps',
}

export function faultsText(list: readonly Fault[]): string {
  return list.map((fault) => faultNames[fault]).join(', ')
}
