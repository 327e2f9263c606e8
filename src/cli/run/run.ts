import { join } from 'node:path'
import {
  guarantee,
  guaranteeText,
  open,
  SemelError,
  type Counters,
  type OpenOptions,
  type SourceNotice,
  type Stream,
} from '../../index.js'
import { inspectDirectory } from '../../directory.js'
import { classDirectoriesIn, classDirectory } from '../../runtime/directory/class-directories.js'
import { sum } from '../../runtime/stream/counters.js'
import { countersOfRun, endedOf } from '../counters.js'
import { exitCodes, oneLine } from '../failures.js'
import { directoryCounters } from '../inspect/inspection.js'
import { loadModule, refuseUnread, sourceOf, type PipelineModule } from '../module.js'
import { Progress } from './progress.js'
import type { RunOptions } from './run-options.js'
import { Reasons } from './reasons.js'
import { runToEnd } from './run-to-end.js'
import { sourceOfFiles } from './sources.js'
import { print, reserveStdout } from '../stdout.js'
import { exitNow, signalExitCode, StopSignals } from '../stop-signals.js'
import { refusedText, summaryJson, summaryText, type Summary } from './summary.js'
import { paintFor } from '../terminal.js'
import { elapsedText, plural } from '../text.js'
import { waitingFor } from '../waiting-for.js'
import { warnOf } from './warnings.js'

/**
 * `semel run`: opens the pipeline, sends the source through it, closes, and sums up.
 * @returns the exit code
 */
export async function run(options: RunOptions): Promise<number> {
  if (options.json) reserveStdout()
  const module = await loadModule(options.module, options.config)
  const dir = dirOf(module, options)
  if (options.explain) return explain(module, options, dir)
  // Standard output has the summary.
  refuseUnread(module, 'semel run')
  const source = await sourceOf(module, options.sources, (files) => sourceOfFiles(files, options))
  const stop = new StopSignals(exitNow)
  let stream: Stream<unknown>
  try {
    stream = await waitingFor(
      `the opening of the pipeline ${module.graph.name}`,
      open<unknown>(module.url, {
        ...openOptions(options, dir),
        ...configOf(module),
        signal: stop.signal,
      }),
    )
  } catch (error) {
    if (stop.by === undefined || error !== stop.signal.reason) throw error
    process.stderr.write(`semel: ${stop.by}: given up while the pipeline was being opened\n`)
    return signalExitCode(stop.by)
  }
  for (const line of stream.guarantee().summary.split('\n')) {
    process.stderr.write(`semel: ${line}\n`)
  }
  const { opened: before, classes } = stream
  const startedMs = performance.now()
  let reached = { offset: 0, size: 0 }
  const progress = new Progress(process.stderr, () => {
    const counters = countersOfRun(before, stream.counters())
    return { ...counters, ...reached, ended: endedOf(counters) }
  })
  process.once('exit', () => {
    progress.stop()
    // An exit waits for threads, and a signal ends that wait.
    stop.dispose()
  })
  const deadLetters = warnOf(stream, (line) => progress.say(line))
  const reasons = new Reasons()
  stream.on('dead-letter', ({ shard, sequence, error }) => {
    reasons.add(shard, sequence, error)
    if (reasons.count > options.maxDeadLetters) stop.stop()
  })

  const notices: SourceNotice[] = []
  let ended: boolean
  try {
    ended = await runToEnd({
      stream,
      source,
      stop,
      closeTimeoutMs: options.closeTimeoutMs,
      onProgress: (now) => {
        reached = now
        progress.draw()
      },
      onNotice: (notice) => {
        notices.push(notice)
        progress.say(`semel: ${notice.code}: ${oneLine(notice.message)}`)
      },
    })
  } catch (error) {
    // The first error is the one to report; what closing says of it comes second.
    await stream.close({ timeout: options.closeTimeoutMs }).catch(() => {})
    throw error
  } finally {
    progress.stop()
  }
  const elapsedMs = performance.now() - startedMs
  const last = classes.map((one) => one.counters())
  await stream.close({ timeout: ended ? options.closeTimeoutMs : 0 })
  if (!ended && (dir === undefined || stream.durability === 'memory')) {
    throw lostError(sum(last).inFlight, options.closeTimeoutMs, stop.by ?? '--max-dead-letters')
  }
  const after = classes.map((one, i) => {
    const counters = last[i] as Counters
    if (ended || dir === undefined || one.durability === 'memory') return counters
    // The shards went on until they were closed.
    const own = classDirectoriesIn(dir).length === 0 ? dir : classDirectory(dir, one.delivery)
    return directoryCounters(inspectDirectory(own))
  })

  const summary: Summary = {
    pipeline: stream.name,
    counters: countersOfRun(before, sum(after)),
    leftOver: before.stored - endedOf(before),
    deadLetters,
    notices,
    reasons: reasons.list(),
    elapsedMs,
    delivery: stream.delivery,
    durability: stream.durability,
    shards: stream.shards,
    workers: stream.workers,
    dir,
    stoppedBy: stop.by,
    resumable: source.resumable && dir !== undefined,
    classes:
      classes.length === 1
        ? []
        : classes.map(({ delivery, durability, opened }, i) => ({
            delivery,
            durability,
            counters: countersOfRun(opened, after[i] as Counters),
          })),
  }
  await print(options.json ? summaryJson(summary) : summaryText(summary, paintFor(process.stdout)))
  const refused = refusedText(summary)
  if (refused !== undefined) process.stderr.write(`semel: SEMEL_ALL_REFUSED: ${refused}\n`)
  if (summary.counters.deadLettered > options.maxDeadLetters)
    throw deadLettersError(summary, options)
  return stop.by === undefined ? exitCodes.ok : signalExitCode(stop.by)
}

/** What the run would guarantee; nothing is opened, and of a source that is named only its kind asked. */
async function explain(
  module: PipelineModule,
  options: RunOptions,
  dir: string | undefined,
): Promise<number> {
  const { sources: files } = options
  const sources =
    files.length === 0
      ? {}
      : { sources: [await sourceOf(module, files, () => sourceOfFiles(files, options))] }
  const report = guarantee(module.definition, {
    ...sources,
    ...openOptions(options, dir),
    ...configOf(module),
  } as never)
  await print(options.json ? `${JSON.stringify(report)}\n` : guaranteeText(report))
  return exitCodes.ok
}

function lostError(inFlight: number, timeoutMs: number, by: string | undefined): SemelError {
  return new SemelError(
    'SEMEL_TIMEOUT',
    `${plural(inFlight, 'message')} ${inFlight === 1 ? 'was' : 'were'} in flight ${elapsedText(timeoutMs)} after ${by}, and at-most-once keeps none; --close-timeout waits longer`,
  )
}

function deadLettersError({ counters, dir }: Summary, { maxDeadLetters }: RunOptions): SemelError {
  const where = dir === undefined ? '' : `; semel dead-letters list ${dir} shows them`
  return new SemelError(
    'SEMEL_DEAD_LETTERS',
    `this run made ${plural(counters.deadLettered, 'dead letter')}, and --max-dead-letters allows ${maxDeadLetters}${where}`,
  )
}

function configOf({ config }: PipelineModule): { config?: unknown } {
  return config === undefined ? {} : { config }
}

function openOptions(options: RunOptions, dir: string | undefined): OpenOptions<unknown> {
  const { shards, workers, durability, delivery, waiting, heartbeatMs, workerMemoryBytes } = options
  return {
    ...(dir === undefined ? {} : { dir }),
    ...(shards === undefined ? {} : { shards }),
    ...(workers === undefined ? {} : { workers }),
    ...(durability === undefined ? {} : { durability }),
    ...(options.journal ? {} : { journal: false }),
    ...(delivery === undefined ? {} : { delivery }),
    ...(waiting === undefined ? {} : { waiting }),
    ...(heartbeatMs === undefined ? {} : { heartbeat: heartbeatMs }),
    ...(workerMemoryBytes === undefined ? {} : { workerMemory: workerMemoryBytes }),
  }
}

/** The stream's directory; undefined under at-most-once, which keeps nothing. */
function dirOf({ graph }: PipelineModule, { delivery, dir }: RunOptions): string | undefined {
  const chosen = delivery ?? graph.deliver.delivery
  // At most once nothing is stored; a directory keeps how far the source has been read.
  return dir ?? (chosen === 'at-most-once' ? undefined : join('.semel', graph.name))
}
