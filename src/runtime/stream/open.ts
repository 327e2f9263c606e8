import { limit } from '../../acknowledge/patience.js'
import { InvalidArgumentError, SemelError } from '../../core/errors.js'
import { nowMs } from '../../core/timers.js'
import { addon } from '../../native/addon.js'
import { requireThreads } from '../../native/permission.js'
import type { Definition, Graph } from '../../pipeline/graph.js'
import { checkClassesIn } from '../directory/class-directories.js'
import { ClassedStream } from './classed-stream.js'
import { Inline } from '../workers/inline.js'
import { definitionOf, loadModule, moduleUrl, refuseOwnModule } from '../workers/load.js'
import { nativeOptions } from '../settings/native-options.js'
import { OneStream } from './one-stream.js'
import type { BatchedOptions, OpenOptions, Settings } from '../settings/options.js'
import { prepare, type Prepared } from '../settings/prepare.js'
import { limitMemory, type Directories } from '../loop/shard-open.js'
import type { Runner, RunnerEvent } from '../workers/runner.js'
import type { Stream } from './stream.js'
import { checkWait, throwIfAborted, type WaitOptions } from '../../core/wait.js'
import { Workers } from '../workers/workers.js'

/**
 * Opens a pipeline: locks and recovers its directory, connects its sinks, starts its workers.
 * @param pipeline a module's URL or path, whose default export is the definition; with `workers: 0`
 * also the definition itself. Workers import the module for themselves.
 * @throws SemelError naming the option, value and remedy; nothing stored is lost
 */
export function open<In, Out = unknown>(
  pipeline: URL | string | Definition<In, Out>,
  options?: OpenOptions<In> & { acknowledge?: 'stored' },
): Promise<Stream<In, Out, 'stored'>>
export function open<In, Out = unknown>(
  pipeline: URL | string | Definition<In, Out>,
  options: OpenOptions<In> & { acknowledge: 'processed' },
): Promise<Stream<In, Out, 'processed'>>
export function open<In, Out = unknown>(
  pipeline: URL | string | Definition<In, Out>,
  options: OpenOptions<In> & { acknowledge: 'batched' | BatchedOptions<In> },
): Promise<Stream<In, Out, 'batched'>>
export function open<In, Out = unknown>(
  pipeline: URL | string | Definition<In, Out>,
  options?: OpenOptions<In>,
): Promise<Stream<In, Out>>
export async function open<In, Out>(
  pipeline: URL | string | Definition<In, Out>,
  given?: OpenOptions<In>,
): Promise<Stream<In, Out>> {
  const { options, patience } = patienceOf(given)
  const current = process.cwd()
  const url = typeof pipeline === 'string' || pipeline instanceof URL ? moduleUrl(pipeline) : ''
  if (url !== '') refuseOwnModule(url)
  const definition =
    url === ''
      ? pipeline
      : definitionOf(await patiently(loadModule(url), patience, `the module ${url} is loaded`), url)
  const where = url === '' ? 'open' : url
  const { classes, prepared } = prepare(definition, where, options)
  const [{ graph }] = prepared
  if (url === '' && prepared.some(({ settings }) => settings.workers > 0)) {
    throw new InvalidArgumentError(
      `open: a worker thread can't take over the definition of ${graph.name}; give the URL of the module that exports it as default, or workers: 0`,
    )
  }
  checkClassesIn(
    options?.dir ?? '',
    classes?.delivers.map(({ delivery }) => delivery),
  )
  if (classes === undefined) return openOne(prepared[0], url, current, patience)
  const opened: OneStream<In, Out>[] = []
  try {
    // Messages are checked before they choose.
    const accepts = Object.freeze({ ...graph.accepts, validate: undefined }) as never
    for (const { graph: own, settings } of prepared) {
      opened.push(
        await openOne(
          { graph: Object.freeze({ ...own, accepts }), settings },
          url,
          current,
          patience,
        ),
      )
    }
  } catch (error) {
    // The cause is the answer, whatever a close under it meets.
    await Promise.allSettled(opened.map((stream) => stream.close({ timeout: 0 })))
    throw error
  }
  return new ClassedStream(graph.accepts, classes, opened)
}

async function openOne<In, Out>(
  { graph, settings }: Prepared,
  url: string,
  current: string,
  patience: WaitOptions,
): Promise<OneStream<In, Out>> {
  const stream: { opened?: OneStream<In, Out> } = {}
  if (settings.workers > 0) requireThreads()
  const options = nativeOptions(graph, settings, current)
  const { shards, ...native } = addon().open(options, () => stream.opened?.noticed())
  const { handle } = native
  const opened = new OneStream<In, Out>({ ...native, graph, settings, recovered: shards })
  const directories = { current, stream: options.directory }
  const runner = runnerOf(handle, graph, settings, url, directories, opened)
  try {
    const what = `its shards are open, and the sink ${graph.sink.name} is connected`
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

function patienceOf<In>(given: OpenOptions<In> | undefined): {
  options: OpenOptions<In> | undefined
  patience: WaitOptions
} {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { options: given, patience: {} }
  const { signal, timeout, ...options } = given
  return { options, patience: checkWait({ signal, timeout }, 'open') }
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

function runnerOf(
  handle: number,
  graph: Graph,
  settings: Settings,
  module: string,
  directories: Directories,
  stream: Pick<OneStream<never>, 'ran' | 'failed' | 'sender'>,
): Runner {
  const { shards: shardCount, firstShard, shardsOfAll, workers, delivery, durability } = settings
  const listener = {
    event: (event: RunnerEvent) => stream.ran(event),
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
    limitMemory: limitMemory(),
  }
  if (workers === 0) {
    const { mode } = settings.acknowledge
    const outcomesAwaited = (): boolean => mode !== 'batched' && stream.sender.isAwaited
    return new Inline({ ...shards, graph, outcomesAwaited }, listener)
  }
  return new Workers(
    {
      ...shards,
      workers,
      module,
      delivery,
      waiting: settings.waiting,
      retry: graph.retry,
      heartbeatMs: settings.heartbeatMs,
      memoryBytes: settings.workerMemoryBytes,
    },
    listener,
  )
}
