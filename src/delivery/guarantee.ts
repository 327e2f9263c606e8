import type { Acknowledgment } from '../core/acknowledge.js'
import { durabilityText, type Delivery, type Durability } from '../core/delivery.js'
import { durationText } from '../core/durations.js'
import { deepFrozen } from '../core/frozen.js'
import type { SinkKind } from '../core/sink.js'
import type { Graph } from '../pipeline/graph.js'
import type { Takes } from '../pipeline/sinks.js'
import {
  faults,
  faultsText,
  isUnsent,
  type Fault,
  type Hop,
  type HopName,
  type Named,
  type Opening,
  type Rest,
  type Subject,
} from './hop.js'
import { processedHop } from './hops/processed.js'
import { readerHop } from './hops/reader.js'
import { senderHop } from './hops/sender.js'
import { sinkHop } from './hops/sink.js'
import { sourceHop } from './hops/source.js'
import { storedHop } from './hops/stored.js'
import { sourceKinds, type SourceKind } from './source-kind.js'

/** What sources of a kind give on the way to where their messages are stored. */
export interface SourceGuarantee {
  readonly kind: SourceKind
  /** Of the sources that the report was asked about; otherwise empty. */
  readonly names: readonly string[]
  readonly promise: Delivery
  readonly what: string
}

/** What a stream guarantees, hop by hop: plain data, the same in JSON. */
export interface Guarantee {
  readonly pipeline: string
  readonly delivery: Delivery
  readonly durability: Durability
  readonly acknowledge: Omit<Acknowledgment, 'onBatch'>
  readonly shards: number
  readonly workers: number
  /** In the order of their numbers, with a hop each. */
  readonly sinks: readonly {
    readonly name: string
    readonly kind: SinkKind
    readonly declared: boolean
    readonly takes: Takes
  }[]
  /** How long copies are known; null where they are not. */
  readonly windowMs: number | null
  /**
   * Each kind of source, or where the report was asked about sources, theirs: a hop of each is then
   * part of the whole. Empty where a pipeline takes none.
   */
  readonly sources: readonly SourceGuarantee[]
  readonly hops: readonly Hop[]
  /** The hop that gives the least, and so names the whole. */
  readonly weakest: HopName
  /** Faults through which the delivery's promise holds at every hop, and the others. */
  readonly through: readonly Fault[]
  readonly notThrough: readonly Fault[]
  /** All of it in a line. */
  readonly summary: string
  /**
   * Where messages choose their delivery, a report for each class, the strictest first; the rest of this
   * one is of the class that is promised least. Empty where all messages have one delivery.
   */
  readonly classes: readonly Guarantee[]
}

/**
 * The weakest hop is the one with the most faults that break the delivery's promise; among equals, one
 * that promises less than exactly-once by itself; then the one that takes the most for granted, then
 * the one at which the most faults show, then the first.
 */
export function weakestOf(hops: readonly Hop[]): Hop {
  return hops.reduce((a, b) => (isWeaker(weakness(b), weakness(a)) ? b : a))
}

/**
 * The report on a pipeline as it is, or would be, opened. Where nothing can be sent, the way begins at
 * the source.
 * @param named what is to be consumed; undefined: it is about each kind of source
 */
export function guaranteeOf(graph: Graph, opening: Opening, named?: Named): Guarantee {
  const subject: Subject = { graph, opening }
  const sources = sourcesOf(subject, named)
  const hops = [
    ...(named === undefined && !isUnsent(subject) ? [] : sources.map(({ hop }) => hop)),
    ...(isUnsent(subject) ? [] : [senderHop(subject)]),
    storedHop(subject),
    processedHop(subject),
    ...graph.sinks.flatMap(({ sink }) =>
      [sinkHop, readerHop].map((of) => of({ ...subject, sink })),
    ),
  ]
  const weakest = weakestOf(hops)
  const notThrough = faults.filter((fault) => hops.some((hop) => breaks(hop, fault)))
  const { sinks, deliver } = graph
  const { durability, shards, workers } = opening
  const { onBatch: _, ...acknowledge } = opening.acknowledge
  return deepFrozen({
    pipeline: graph.name,
    delivery: deliver.delivery,
    durability: typeof durability === 'object' ? { ...durability } : durability,
    acknowledge,
    shards,
    workers,
    sinks: sinks.map(({ sink, takes }) => ({
      name: sink.name,
      kind: sink.kind,
      declared: sink.declared === true,
      takes,
    })),
    windowMs: deliver.windowMs ?? null,
    sources: sources.map(({ kind, names, hop: { promise, what } }) => ({
      kind,
      names,
      promise,
      what,
    })),
    hops,
    weakest: weakest.hop,
    through: faults.filter((fault) => !notThrough.includes(fault)),
    notThrough,
    summary: summaryOf(subject, weakest, notThrough),
    classes: [],
  })
}

/** Producers number their messages themselves, and such a pipeline reads no source. */
function sourcesOf(subject: Subject, named: Named | undefined) {
  if (subject.graph.deliver.producer !== undefined) return []
  return sourceKinds
    .filter((kind) => !isUnsent(subject) || kind === 'replayable')
    .filter((kind) => named === undefined || named.has(kind))
    .map((kind) => {
      const names = named?.get(kind) ?? []
      return { kind, names, hop: sourceHop(subject, kind, names) }
    })
}

/** The report on all classes of a pipeline, of those on each, the strictest first. */
export function guaranteeOfClasses(classes: readonly Guarantee[]): Guarantee {
  const least = classes.at(-1) as Guarantee
  if (classes.length === 1) return least
  return deepFrozen({
    ...least,
    summary: classes.map(({ summary }) => summary).join('\n'),
    classes,
  })
}

function summaryOf(
  { graph, opening }: Subject,
  weakest: Hop,
  notThrough: readonly Fault[],
): string {
  const { delivery, windowMs } = graph.deliver
  const { durability, acknowledge } = opening
  const known = windowMs === undefined ? '' : `, copies known for ${durationText(windowMs)}`
  const broken = faultsText(notThrough)
  return [
    `${graph.name}: ${delivery} (${durabilityText(durability)}, ${acknowledge.mode})${known}`,
    ...(broken === '' ? [] : [`not through ${broken}`]),
    `weakest hop: ${weakest.hop}${weakest.limit === null ? '' : `, ${weakest.limit}`}`,
  ].join('; ')
}

const rests: readonly Rest[] = ['nothing', 'window', 'committed-reads', 'your-word']

function weakness(hop: Hop): readonly number[] {
  return [
    hop.encounters.filter(({ holds }) => !holds).length,
    hop.promise === 'exactly-once' ? 0 : 1,
    rests.indexOf(hop.restsOn),
    hop.encounters.length,
  ]
}

function isWeaker(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i])
  return at >= 0 && (a[at] as number) > (b[at] as number)
}

function breaks({ encounters }: Hop, fault: Fault): boolean {
  return encounters.some((one) => one.fault === fault && !one.holds)
}
