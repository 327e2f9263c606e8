import { InvalidArgumentError } from '../../core/errors.js'
import type { Offset } from '../../core/offset.js'
import type { Held } from '../../core/transactional.js'
import { transactionalSink } from '../../delivery/transactional.js'
import { addon } from '../../native/addon.js'
import type { SequenceRange } from '../../native/damage.js'
import type { NativeHeld, NativeTrust, NativeTrusted, Standing } from '../../native/trust.js'
import {
  requireGraph,
  sinkNames,
  withDelivery,
  type AnyDefinition,
  type Graph,
} from '../../pipeline/graph.js'
import { readPositions, type Positions } from '../directory/positions.js'
import { mergeSources, nameOf } from '../directory/sources-of-sink.js'
import { askHeld, raiseAbove } from '../sinks/ask-held.js'
import type { AskedShard } from '../sinks/asking.js'

export interface TrustSinkOptions {
  /** What the pipeline is configured by, as `open` takes it. */
  readonly config?: unknown
  /** Tells what would be done, and changes nothing. @default false */
  readonly dryRun?: boolean
}

/** What going on from the sink alone means for one shard; messages by sequence, both ends included. */
export interface ShardTrust {
  readonly shard: number
  /** How the sink stands to the directory. */
  readonly standing: Standing
  /** The last message in the directory, and up to where the directory knows that all is done. */
  readonly directory: {
    readonly stored: number
    readonly through: number
    readonly commit: { readonly epoch: number; readonly n: number } | undefined
  }
  /** Up to where the sink says that all is done; undefined where it has nothing. */
  readonly sink:
    | { readonly through: number; readonly commit: { readonly epoch: number; readonly n: number } }
    | undefined
  /** Where it goes on behind. */
  readonly through: number
  /** Stored in the directory, and not delivered again: the sink says that they are done. */
  readonly done: readonly SequenceRange[]
  /** Done, but not in the sink: delivered again, from the journal. */
  readonly deliveredAgain: readonly SequenceRange[]
  /** Done, but neither in the sink nor in the journal: lost, but for what sources give again. */
  readonly lost: readonly SequenceRange[]
  /** Messages that were parked: they are dropped, for the sink does not tell whether they have ended. */
  readonly parkedDropped: readonly SequenceRange[]
  /** Done, and their ids are forgotten: a copy that is sent again takes effect again. */
  readonly forgotten: readonly SequenceRange[]
  /** Where sources are read on from, where that is another place. */
  readonly sources: readonly {
    readonly name: string
    readonly before: Offset | undefined
    /** Undefined: from its start. */
    readonly after: Offset | undefined
  }[]
  /** Partitions that are not read again from where the sink has them: what they lost stays lost. */
  readonly sourcesKept: readonly string[]
  /** False where there were too many partitions for the sink to be told of. */
  readonly knowsSources: boolean
}

export interface TrustReport {
  /** The pipeline's name. */
  readonly name: string
  readonly shards: readonly ShardTrust[]
  /** What was done, or would be; empty where nothing is to be done or something is refused. */
  readonly steps: readonly string[]
  /** Why it can't go on from the sink; then nothing was changed. */
  readonly refusals: readonly string[]
  /** The folder in the directory with the files as they were; empty where none was changed. */
  readonly originals: string
}

/**
 * Lets the directory of a closed stream go on from what its transactional sink has, where opening is refused
 * because the two disagree (`SEMEL_SINK_AHEAD`, `SEMEL_SINK_BEHIND`, `SEMEL_SINK_TAKEN`): the directory is an
 * older backup, or a new one under an old name, or the sink was put back. The sink's word decides what is
 * done. Every file that changes is kept in `before-repair-<n>` as it was. The sink's epoch is raised above all
 * that the directory knows, also where the two agree.
 * @param pipeline the definition that the directory was opened with
 * @throws SemelError `SEMEL_LOCKED` where a process has the stream open, `SEMEL_FORMAT` where there is
 * none; what the sink throws. InvalidArgumentError where the pipeline has no transactional sink
 * @example const report = await trustSink('./data', orders, { dryRun: true })
 */
export async function trustSink(
  dir: string,
  pipeline: AnyDefinition,
  options: TrustSinkOptions = {},
): Promise<TrustReport> {
  const graph = transactionalGraph(pipeline, options.config)
  const { lock, name, shards } = addon().lockRepair(dir)
  try {
    if (name !== graph.name) throw anotherPipeline(dir, name, graph)
    return await trustLocked(lock, dir, graph, shards, options.dryRun === true)
  } finally {
    addon().unlockRepair(lock)
  }
}

async function trustLocked(
  lock: number,
  dir: string,
  graph: Graph,
  count: number,
  dryRun: boolean,
): Promise<TrustReport> {
  const base = process.cwd()
  const shards = Array.from({ length: count }, (_, shard) => ({ shard, shards: count, base }))
  const asked: (Held | undefined)[] = []
  // One after the other: each is a connection of its own.
  for (const shard of shards) asked.push(await askHeld(graph, shard))
  const told = asked.map((held) => readPositions(held?.positions ?? new Uint8Array()))
  const beyond = await askHeld(graph, { shard: count, shards: count + 1, base })
  if (beyond !== undefined) return refusedAs(graph, tooFewShards(count))
  const natives = asked.map((held, at) => nativeOf(held, told[at] as Positions))
  const byPosition = graph.deliver.id === undefined && graph.deliver.producer === undefined
  const run = (dry: boolean, sources?: Uint8Array): NativeTrusted =>
    addon().trustSink(lock, dir, natives, byPosition, dry, sources)

  const plan = run(true)
  const entries = entriesOf(dir)
  const merged = mergeSources(
    entries,
    told.map((positions, at) => ({
      positions,
      standing: plan.shards[at]?.standing ?? 'agreed',
    })),
  )
  const isAnother = JSON.stringify(merged) !== JSON.stringify(entries)
  const sources = isAnother ? Buffer.from(JSON.stringify(merged)) : undefined
  if (dryRun || plan.refusals.length > 0) return reportOf(run(true, sources), asked, merged)
  if (plan.shards.length > 0) await raise(graph, shards, plan.shards, asked)
  return reportOf(run(false, sources), asked, merged)
}

/** The directory knows epochs that a sink which was put back has yet to give: none is given twice. */
async function raise(
  graph: Graph,
  shards: readonly AskedShard[],
  plan: readonly NativeTrust[],
  asked: readonly (Held | undefined)[],
): Promise<void> {
  for (const [at, { sinkEpoch, standing }] of plan.entries()) {
    const lineage = asked[at]?.id.lineage
    if (standing === 'other' || sinkEpoch === 0 || lineage === undefined) continue
    await raiseAbove(graph, shards[at] as AskedShard, lineage, sinkEpoch)
  }
}

/** @throws InvalidArgumentError */
function transactionalGraph(pipeline: AnyDefinition, config: unknown): Graph {
  const graph = requireGraph(pipeline, 'trustSink', config)
  if (graph.classes !== undefined) {
    throw new InvalidArgumentError(
      `trustSink: the messages of ${graph.name} choose their delivery, and each class has shards of its own; put the newest directory or the newest state of the sink back, or begin under another name`,
    )
  }
  const own = withDelivery(graph, graph.deliver.delivery)
  if (transactionalSink(own) !== undefined) return own
  throw new InvalidArgumentError(
    `trustSink: ${own.name} delivers ${own.deliver.delivery} to ${sinkNames(own)}, which is no transactional sink under exactly-once, and so keeps nothing to go on from; put a backup back`,
  )
}

function anotherPipeline(dir: string, name: string, graph: Graph): InvalidArgumentError {
  return new InvalidArgumentError(
    `trustSink: ${dir} belongs to the pipeline ${name}, not ${graph.name}; give the module of that one`,
  )
}

function entriesOf(dir: string): unknown[] {
  const bytes = addon().readFile(dir, 'sources')
  return bytes.length === 0 ? [] : (JSON.parse(bytes.toString()) as unknown[])
}

function nativeOf(held: Held | undefined, { partitions, left }: Positions): NativeHeld {
  return {
    lineage: held?.id.lineage ?? '',
    epoch: held?.id.epoch ?? 0,
    n: held?.id.n ?? 0,
    through: held?.through ?? 0,
    knowsSources: left === 0,
    partitions: partitions.map(({ number }) => number),
    offsets: partitions.map(({ offset }) => offset),
  }
}

function refusedAs({ name }: Graph, refusal: string): TrustReport {
  return { name, shards: [], steps: [], refusals: [refusal], originals: '' }
}

function tooFewShards(count: number): string {
  return `the sink has commits of more shards than the ${count} of this directory: what the others have done would be done again; make a directory with as many shards as they were`
}

function reportOf(
  { shards, ...rest }: NativeTrusted,
  asked: readonly (Held | undefined)[],
  entries: readonly unknown[],
): TrustReport {
  return { ...rest, shards: shards.map((one, at) => shardReport(one, asked[at], entries)) }
}

function shardReport(
  one: NativeTrust,
  held: Held | undefined,
  entries: readonly unknown[],
): ShardTrust {
  const { commitBefore, knowsSources } = one
  return {
    shard: one.shard,
    standing: one.standing,
    directory: {
      stored: one.stored,
      through: one.throughBefore,
      commit: commitBefore.n === 0 ? undefined : commitBefore,
    },
    sink: held && { through: held.through, commit: { epoch: held.id.epoch, n: held.id.n } },
    through: one.through,
    done: one.done,
    deliveredAgain: one.redone,
    lost: one.lost,
    parkedDropped: one.parked,
    forgotten: one.forgotten,
    sources: one.sources.map(({ partition, before, after }) => ({
      name: nameOf(entries[partition], partition),
      before,
      after,
    })),
    sourcesKept: one.stuckSources.map((number) => nameOf(entries[number], number)),
    knowsSources,
  }
}
