import { randomUUID } from 'node:crypto'
import { limit } from '../../acknowledge/patience.js'
import { InvalidArgumentError, SemelError } from '../../core/errors.js'
import { nowMs } from '../../core/waiting/timers.js'
import { sinkNumbers } from '../directory/sink-numbers.js'
import { transactionalSink } from '../../delivery/transactional.js'
import { addon, type NativeOptions } from '../../native/addon.js'
import { requireThreads } from '../../native/permission.js'
import {
  buildOf,
  hasLetterSink,
  isRead,
  sinkNames,
  type AnyDefinition,
  type Definition,
  type Graph,
} from '../../pipeline/graph.js'
import { checkClassesIn } from '../directory/class-directories.js'
import { ClassedStream } from './classed-stream.js'
import type { ShardAnswer } from '../failures/shard-event.js'
import { noGiveUps } from '../operators/given-up.js'
import { Inline } from '../workers/inline.js'
import {
  definitionOf,
  loadModule,
  whereaboutsOf,
  refuseOwnModule,
  shapeOf,
  type Whereabouts,
} from '../workers/load.js'
import { Config } from '../settings/config.js'
import { nativeOptions } from '../settings/native-options.js'
import { askSinks } from '../sinks/ask-sinks.js'
import { OneStream } from './one-stream.js'
import { OutputsDesk } from '../outputs/desk.js'
import type { Read } from '../outputs/outputs-loop.js'
import type { BatchedOptions, ConfiguredOptions, OpenOptions } from '../settings/open-options.js'
import type { Settings } from '../settings/options.js'
import { prepare, type Prepared } from '../settings/prepare.js'
import { limitMemory, type Directories } from '../loop/shard-open.js'
import type { Runner, RunnerEvent } from '../workers/runner.js'
import type { Stream } from './stream.js'
import { checkWait, throwIfAborted, type WaitOptions } from '../../core/waiting/wait.js'
import { Workers } from '../workers/workers.js'

/**
 * Opens a pipeline: locks and recovers its directory, connects its sinks, starts its workers.
 * @param pipeline the definition, which has a home where there are workers: they import its module for
 * themselves. Or a module's URL or path: its default export, or by `#name` another of its pipelines
 * @typeParam R how its outputs are read: `'outputs'` where its sink is `outputs()`, which a definition
 * says by itself; of a module's URL, whoever opens it
 * @example
 * const stream = await open(orders, { dir: './data', workers: 2, config: { out: 'out.ndjson' } })
 * @throws SemelError naming the option, value and remedy; nothing stored is lost
 * @example
 * const url = new URL('./orders.pipeline.js', import.meta.url)
 * const orders = await open(url, { dir: './data', shards: 4, workers: 2 })
 */
export function open<In, Out = unknown, C = unknown, R = unknown>(
  pipeline: URL | string | Definition<In, Out, C, R>,
  ...options: ConfiguredOptions<OpenOptions<In> & { acknowledge?: 'stored' }, C>
): Promise<Stream<In, Out, 'stored'> & Read<R, Out>>
export function open<In, Out = unknown, C = unknown, R = unknown>(
  pipeline: URL | string | Definition<In, Out, C, R>,
  ...options: ConfiguredOptions<OpenOptions<In> & { acknowledge: 'processed' }, C>
): Promise<Stream<In, Out, 'processed'> & Read<R, Out>>
export function open<In, Out = unknown, C = unknown, R = unknown>(
  pipeline: URL | string | Definition<In, Out, C, R>,
  ...options: ConfiguredOptions<
    OpenOptions<In> & { acknowledge: 'batched' | BatchedOptions<In> },
    C
  >
): Promise<Stream<In, Out, 'batched'> & Read<R, Out>>
export function open<In, Out = unknown, C = unknown, R = unknown>(
  pipeline: URL | string | Definition<In, Out, C, R>,
  ...options: ConfiguredOptions<OpenOptions<In>, C>
): Promise<Stream<In, Out> & Read<R, Out>>
export async function open<In, Out>(
  pipeline: URL | string | AnyDefinition,
  given?: OpenOptions<In> & { config?: unknown },
): Promise<Stream<In, Out>> {
  const { options, patience, config } = apart(given)
  const current = process.cwd()
  const { definition, where, whereabouts } = await find(pipeline, patience)
  const { classes, prepared } = prepare(definition, where, options, config.value())
  const [{ graph }] = prepared
  if (whereabouts === undefined && prepared.some(({ settings }) => settings.workers > 0)) {
    throw new InvalidArgumentError(
      `open: a worker thread can't take over the definition of ${graph.name}; define it as pipeline(import.meta, '${graph.name}', (p) => …), or give the URL of the module that exports it as default, or workers: 0`,
    )
  }
  checkClassesIn(
    options?.dir ?? '',
    classes?.delivers.map(({ delivery }) => delivery),
  )
  const outputs = isRead(graph) ? new OutputsDesk() : undefined
  const built: Built = { whereabouts, config: config.bytes, current, outputs }
  if (classes === undefined) return openOne(prepared[0], built, patience)
  const opened: OneStream<In, Out>[] = []
  try {
    // Messages are checked before they choose.
    const accepts = Object.freeze({ ...graph.accepts, validate: undefined }) as never
    for (const { graph: own, settings } of prepared) {
      opened.push(
        await openOne({ graph: Object.freeze({ ...own, accepts }), settings }, built, patience),
      )
    }
  } catch (error) {
    // The cause is the answer, whatever a close under it meets.
    await Promise.allSettled(opened.map((stream) => stream.close({ timeout: 0 })))
    throw error
  }
  return new ClassedStream(graph.accepts, classes, opened)
}

/** What workers build their pipeline of; no whereabouts: none can. */
interface Built {
  readonly whereabouts: Whereabouts | undefined
  readonly config: Uint8Array | undefined
  /** The process's directory. */
  readonly current: string
  readonly outputs: OutputsDesk | undefined
}

async function find(
  pipeline: unknown,
  patience: WaitOptions,
): Promise<{ definition: unknown; where: string; whereabouts: Whereabouts | undefined }> {
  if (typeof pipeline !== 'string' && !(pipeline instanceof URL)) {
    const whereabouts = homeOf(pipeline)
    if (whereabouts !== undefined) refuseOwnModule(whereabouts.module)
    return { definition: pipeline, where: 'open', whereabouts }
  }
  const { module, name } = whereaboutsOf(pipeline)
  refuseOwnModule(module)
  const exports = await patiently(loadModule(module), patience, `the module ${module} is loaded`)
  const definition = definitionOf(exports, module, name)
  return { definition, where: module, whereabouts: homeOf(definition) ?? { module, name } }
}

/** Where a definition with a home is found again. */
function homeOf(definition: unknown): Whereabouts | undefined {
  if (buildOf(definition) === undefined) return undefined
  const { module, name } = definition as AnyDefinition
  return { module: module as string, name }
}

async function openOne<In, Out>(
  { graph, settings }: Prepared,
  built: Built,
  patience: WaitOptions,
): Promise<OneStream<In, Out>> {
  const { current, outputs } = built
  const stream: { opened?: OneStream<In, Out> } = {}
  if (settings.workers > 0) requireThreads()
  const options = nativeOptions(graph, settings, current)
  const asked =
    transactionalSink(graph) !== undefined
      ? await askedOpening({ graph, settings }, options, current, patience)
      : undefined
  const { shards, ...native } = addon().open({ ...options, ...asked?.opening }, () =>
    stream.opened?.noticed(),
  )
  const { handle } = native
  const opened = new OneStream<In, Out>({ ...native, graph, settings, recovered: shards, outputs })
  const directories = { current, stream: options.directory }
  const { lineage } = native
  const runner = runnerOf({ handle, lineage, graph, settings, built, directories, stream: opened })
  try {
    const what = `its shards are open, and the sink ${sinkNames(graph)} is connected`
    await patiently(opened.start(runner), patience, what)
  } catch (error) {
    // Whoever gave up has left it where it was; one that failed has ended by itself.
    if (patience.signal !== undefined || patience.timeout !== undefined)
      await runner.stop(nowMs()).catch(() => {})
    // The cause is the answer, whatever a close under it meets.
    try {
      addon().close(handle)
    } catch {}
    throw error
  }
  stream.opened = opened
  return opened
}

/** The directory is locked and its sinks are asked, which fence whoever had them before. */
async function askedOpening(
  prepared: Prepared,
  options: NativeOptions,
  current: string,
  patience: WaitOptions,
): Promise<{
  lineage: string
  opening: Required<Pick<NativeOptions, 'opening' | 'answers'>>
}> {
  const { opening, lineage } = addon().lockDirectory(options)
  const over = new AbortController()
  try {
    const asking = askSinks(prepared, lineage, current, over.signal)
    const what = `the sink ${sinkNames(prepared.graph)} says what it has`
    return { lineage, opening: { opening, answers: await patiently(asking, patience, what) } }
  } catch (error) {
    over.abort(error)
    addon().unlockDirectory(opening)
    throw error
  }
}

/** The options that others look at, and the two that are the opener's own. */
function apart<In>(given: (OpenOptions<In> & { config?: unknown }) | undefined): {
  options: OpenOptions<In> | undefined
  patience: WaitOptions
  config: Config
} {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { options: given, patience: {}, config: Config.of(undefined) }
  const { signal, timeout, config, ...options } = given
  return { options, patience: checkWait({ signal, timeout }, 'open'), config: Config.of(config) }
}

/** @throws the signal's reason, or SemelError `SEMEL_TIMEOUT`; `pending` is left to itself then */
async function patiently<T>(
  pending: Promise<T>,
  { signal, timeout }: WaitOptions,
  what: string,
): Promise<T> {
  if (signal === undefined && timeout === undefined) return pending
  throwIfAborted(signal)
  pending.catch(() => {})
  return new Promise((resolve, reject) => {
    const end = limit(
      { ...(signal && { signal }), ...(timeout !== undefined && { timeout }) },
      () => {
        const late = new SemelError(
          'SEMEL_TIMEOUT',
          `open: not over after ${timeout} ms: it waits until ${what}`,
          { retriable: true },
        )
        reject(signal?.aborted === true ? signal.reason : late)
      },
    )
    pending.then(resolve, reject).finally(end)
  })
}

function runnerOf({
  handle,
  lineage,
  graph,
  settings,
  built: { whereabouts, config, outputs },
  directories,
  stream,
}: {
  readonly handle: number
  readonly lineage: string
  readonly graph: Graph
  readonly settings: Settings
  readonly built: Built
  readonly directories: Directories
  readonly stream: Pick<OneStream<never>, 'ran' | 'answered' | 'failed' | 'sender'>
}): Runner {
  const { shards: shardCount, firstShard, shardsOfAll, workers, delivery, durability } = settings
  const listener = {
    event: (event: RunnerEvent) => stream.ran(event),
    answer: (answer: ShardAnswer) => stream.answered(answer),
    failed: (error: SemelError) => stream.failed(error),
  }
  const storedBefore = Array.from(
    { length: shardCount },
    (_, shard) => addon().status(handle, shard).stored,
  )
  const shards = {
    handle,
    shardCount,
    storedBefore,
    firstShard,
    shardsOfAll,
    durability,
    directories,
    // What is kept nowhere has a history of its own each time.
    lineage: directories.stream === '' ? randomUUID() : lineage,
    isJournaled: settings.journal,
    sinkNumbers: sinkNumbers(handle, graph, directories.stream),
    limitMemory: limitMemory(),
  }
  if (workers === 0) {
    const { mode } = settings.acknowledge
    const outcomesAwaited = (): boolean => mode !== 'batched' && stream.sender.isAwaited
    return new Inline({ ...shards, graph, outcomesAwaited, outputs }, listener)
  }
  return new Workers(
    {
      task: {
        ...shards,
        module: whereabouts?.module ?? '',
        pipeline: whereabouts?.name,
        config,
        shape: shapeOf(graph),
        delivery,
        waiting: settings.waiting,
        givenUp: noGiveUps,
      },
      workers,
      retry: graph.retry,
      hasLetterSink: hasLetterSink(graph),
      heartbeatMs: settings.heartbeatMs,
      memoryBytes: settings.workerMemoryBytes,
      outputs,
    },
    listener,
  )
}
