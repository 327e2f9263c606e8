import { shown } from '../../core/options.js'
import { UsageError } from '../failures.js'
import {
  oneOf,
  readOptions,
  valueOf,
  wholeNumberOf,
  type CommandSpec,
  type Given,
} from '../options.js'

/** What `semel bench` was told. */
export interface BenchOptions {
  /** undefined: the pipeline that semel brings. */
  readonly module: string | undefined
  /** The path of a JSON file. */
  readonly config: string | undefined
  readonly sources: readonly string[]
  readonly seconds: number
  readonly runs: number
  /** Messages a second. */
  readonly rates: readonly number[]
  readonly only: string
  readonly shards: number
  readonly workers: number
  readonly waiting: (typeof waitings)[number]
  readonly withSink: boolean
  /** Files, and a folder. */
  readonly json: string | undefined
  readonly html: string | undefined
  readonly svg: string | undefined
}

const waitings = ['spin', 'balanced', 'park'] as const

export const benchCommand: CommandSpec = {
  call: 'semel bench',
  arguments: [
    {
      name: '[MODULE]',
      says: 'the path of a module that exports a pipeline; without it, one of trades',
    },
  ],
  says:
    'Measures what each guarantee costs on this machine, for your handler and your messages: under\n' +
    'each delivery that the pipeline can be given and each acknowledgment, messages a second as fast\n' +
    'as they are taken, and latencies at a fixed rate. About five minutes; --only and --seconds make\n' +
    'it shorter.',
  options: [
    {
      name: 'source',
      value: 'FILE …',
      several: true,
      says: 'the messages, as with semel run: the first 10,000 are sent round and round',
    },
    {
      name: 'config',
      value: 'FILE',
      says: 'a JSON file with what the pipeline is configured by; it is printed nowhere',
    },
    { name: 'seconds', value: 'S', says: 'of each timed run (default 1)' },
    { name: 'runs', value: 'N', says: 'timed runs of each case, in turns (default 3)' },
    {
      name: 'rate',
      value: 'N,…',
      says: 'messages a second at which latency is measured (default 10000); 0: not at all',
    },
    { name: 'only', value: 'TEXT', says: 'only cases whose name contains the text' },
    { name: 'shards', value: 'N', says: 'for throughput (default 1); latency is that of one' },
    { name: 'workers', value: 'N', says: 'worker threads; 0: none, all runs in one (default 1)' },
    {
      name: 'waiting',
      value: 'HOW',
      says: 'what an idle worker does: spin, balanced or park (default balanced)',
    },
    {
      name: 'with-sink',
      says: "write to the pipeline's own sink; otherwise one of its kind only counts",
    },
    { name: 'json', value: 'FILE', says: 'write the figures there, for programs' },
    { name: 'html', value: 'FILE', says: 'write a page with charts there; takes echarts' },
    { name: 'svg', value: 'DIR', says: 'write each chart there as a picture; takes echarts' },
    { name: 'help', short: 'h', says: 'this text' },
  ],
  notes:
    'Each case runs in a process of its own, in a scratch directory; cases take turns. In each round of\n' +
    "the sample messages get new ids, of the kind of the pipeline's own: what the pipeline's functions\n" +
    'id and producer answer is moved on. A delivery that needs no ids is measured without them, where\n' +
    "it is not the pipeline's own choice. What handlers do elsewhere they do here too, many times.\n" +
    'With --with-sink so does the sink: a relative path is one of the scratch directory, any other is\n' +
    'written to as it says.\n' +
    '\n' +
    'Latency counts from the time at which a message was due, and stands beside that of a loop which\n' +
    'only looks at the clock. docs/internals/benchmarks.md has the method.\n' +
    '\n' +
    'Exit codes: 0 measured, 1 failed, 2 wrong usage, 130 stopped by SIGINT, 143 by SIGTERM.',
}

/** @throws UsageError naming the option, the value and the remedy */
export function readBenchOptions(words: readonly string[]): BenchOptions | 'help' {
  const given = readOptions(benchCommand, words)
  if (given.flags.has('help')) return 'help'
  const module = given.positionals[0]
  const sources = given.values.get('source') ?? []
  if (module === undefined && sources.length > 0) {
    throw new UsageError(
      `${benchCommand.call}: --source is for a pipeline of yours; give its module as well`,
    )
  }
  return {
    module,
    config: valueOf(given, 'config'),
    sources,
    seconds: secondsOf(given) ?? 1,
    runs: wholeNumberOf(given, 'runs', 1) ?? 3,
    rates: ratesOf(given) ?? [10_000],
    only: valueOf(given, 'only') ?? '',
    shards: wholeNumberOf(given, 'shards', 1) ?? 1,
    workers: wholeNumberOf(given, 'workers', 0) ?? 1,
    waiting: oneOf(given, 'waiting', waitings) ?? 'balanced',
    withSink: given.flags.has('with-sink'),
    json: valueOf(given, 'json'),
    html: valueOf(given, 'html'),
    svg: valueOf(given, 'svg'),
  }
}

function secondsOf(given: Given): number | undefined {
  const value = valueOf(given, 'seconds')
  if (value === undefined) return undefined
  const seconds = Number(value)
  if (/^\d+(?:\.\d+)?$/.test(value) && seconds > 0 && seconds <= 3600) return seconds
  throw new UsageError(
    `--seconds: ${shown(value)} is out of bounds; give seconds such as 0.5 or 10, at most 3600`,
  )
}

function ratesOf(given: Given): number[] | undefined {
  const value = valueOf(given, 'rate')
  if (value === undefined) return undefined
  const rates = value.split(',').map((rate) => (/^\d+$/.test(rate) ? Number(rate) : Number.NaN))
  if (rates.every((rate) => rate <= 10_000_000)) return rates.filter((rate) => rate > 0)
  throw new UsageError(
    `--rate: ${shown(value)} is out of bounds; give messages a second, at most 10000000, such as 10000 or 1000,100000`,
  )
}
