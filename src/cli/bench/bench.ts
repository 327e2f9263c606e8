import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileSource, SemelError } from '../../index.js'
import {
  latencyJobs,
  missingDeliveries,
  throughputJobs,
  withoutOverload,
  type Plan,
} from '../../measure/cases.js'
import { sinkNames } from '../../pipeline/graph.js'
import { loadECharts } from '../../measure/charts/echarts.js'
import { reportHtml } from '../../measure/charts/html.js'
import { runJobs, type Job } from '../../measure/jobs.js'
import { reportOf } from '../../measure/machine.js'
import { reportText } from '../../measure/report-text.js'
import type { Result } from '../../measure/result.js'
import { sampleOf, writeSample } from '../../measure/sample.js'
import { writeSvgs } from '../../measure/charts/svg.js'
import { graphAt } from '../../measure/subject/subject.js'
import { tradesModule, tradesSample } from '../../measure/trades.js'
import type { BenchOptions } from './bench-options.js'
import { exitCodes } from '../failures.js'
import { loadModule, refuseUnread, sourceOf } from '../module.js'
import { print } from '../stdout.js'
import { signalExitCode, StopSignals } from '../stop-signals.js'
import { paintFor } from '../terminal.js'
import { plural } from '../text.js'

type Measured = Pick<Plan, 'module' | 'config' | 'graph'> & {
  readonly messages: readonly unknown[]
}

/**
 * `semel bench`: what each guarantee costs for a handler and its messages.
 * @returns the exit code
 */
export async function bench(options: BenchOptions): Promise<number> {
  // Before minutes of measuring, not behind them.
  if (options.html !== undefined || options.svg !== undefined) await loadECharts()
  const stop = new StopSignals((code) => process.exit(code))
  const { messages, ...measured } = await measuredOf(options)
  const sample = writeSample(messages)
  let results: Result[]
  try {
    results = await measure(planOf(options, measured, sample.path), options, stop.signal)
  } catch (error) {
    if (stop.by === undefined) throw error
    return signalExitCode(stop.by)
  } finally {
    sample.remove()
    stop.dispose()
  }
  const report = reportOf(results)
  const { name } = measured.graph
  const sink = options.withSink
    ? `the sink ${sinkNames(measured.graph)}`
    : `a sink that counts in place of ${sinkNames(measured.graph)}`
  await print(
    `${name}: ${plural(sample.messages, 'message')}, round and round, into ${sink}\n${reportText(report, paintFor(process.stdout))}`,
  )
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
  }
  if (options.html !== undefined) {
    writeFileSync(options.html, reportHtml(report, `What each guarantee costs: ${name}`))
  }
  if (options.svg !== undefined) await writeSvgs(report, options.svg)
  return results.some(({ missing }) => missing === undefined) ? exitCodes.ok : exitCodes.failed
}

async function measuredOf({ module, config, sources, withSink }: BenchOptions): Promise<Measured> {
  if (module === undefined) {
    return {
      module: tradesModule,
      graph: await graphAt(tradesModule),
      messages: tradesSample(),
    }
  }
  const loaded = await loadModule(module, config)
  if (withSink) refuseUnread(loaded, 'semel bench --with-sink')
  const source = await sourceOf(loaded, sources, (files) => fileSource(files))
  return {
    module: loaded.url.href,
    ...(config === undefined ? {} : { config: resolve(config) }),
    graph: loaded.graph,
    messages: await sampleOf(source),
  }
}

function planOf(
  { seconds, shards, workers, waiting, withSink }: BenchOptions,
  { module, config, graph }: Omit<Measured, 'messages'>,
  sample: string,
): Plan {
  const { accepts } = graph
  const message = accepts.kind === 'frames' ? `raw${accepts.size}` : 'object'
  const isUsual = shards === 1 && workers === 1
  const label = isUsual ? {} : { label: `shards ${shards}, workers ${workers}` }
  // A child for each run: what is peculiar to a process, its memory's places say, is in the spread too.
  const runs = 1
  return {
    module,
    ...(config === undefined ? {} : { config }),
    graph,
    sample,
    message,
    ownSink: withSink,
    seconds,
    runs,
    ...label,
    shards,
    workers,
    waiting,
  }
}

async function measure(
  plan: Plan,
  { runs, rates, only }: BenchOptions,
  signal: AbortSignal,
): Promise<Result[]> {
  const wanted = (jobs: readonly Job[]): Job[] =>
    jobs.filter(({ result }) => result.case.includes(only))
  const throughput = wanted(throughputJobs(plan))
  const latencies = wanted(rates.flatMap((rate) => latencyJobs(plan, rate)))
  if (throughput.length + latencies.length === 0) {
    throw new SemelError(
      'SEMEL_BENCH',
      `--only: no case has ${JSON.stringify(only)} in its name; names are such as "object exactly-once disk stored"`,
    )
  }
  const told = { rounds: runs, signal, onProgress: tell }
  try {
    const measured = await runJobs(throughput, told)
    const [offered, left] = withoutOverload(latencies, measured)
    return [...missingDeliveries(plan), ...measured, ...(await runJobs(offered, told)), ...left]
  } finally {
    tell()
  }
}

/** One line on a terminal, wiped out at the end. */
function tell(done = 0, all = 0, next = ''): void {
  if (process.stderr.isTTY !== true) return
  const text = `${done + 1} of ${all}: ${next}`.slice(0, (process.stderr.columns || 80) - 1)
  process.stderr.write(`\r\u001b[2K${all === 0 ? '' : text}`)
}
