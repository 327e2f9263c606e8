import { deliveries, type Delivery, type Durability } from '../../core/delivery.js'
import { durationMs, type Duration } from '../../core/durations.js'
import { shown } from '../../core/options.js'
import { sizeBytes } from '../../core/sizes.js'
import { timerMsMax } from '../../core/waiting/timers.js'
import { UsageError } from '../failures.js'
import {
  amountOf,
  oneOf,
  readOptions,
  requireArgument,
  valueOf,
  wholeNumberOf,
  type CommandSpec,
  type Given,
} from '../options.js'

/** What `semel run` was told. */
export interface RunOptions {
  readonly module: string
  /** The path of a JSON file. */
  readonly config: string | undefined
  readonly sources: readonly string[]
  readonly format: (typeof formats)[number] | undefined
  readonly lastLine: (typeof lastLines)[number] | undefined
  readonly dir: string | undefined
  readonly shards: number | undefined
  readonly workers: number | undefined
  readonly durability: Durability | undefined
  readonly journal: boolean
  readonly delivery: Delivery | undefined
  readonly waiting: (typeof waitings)[number] | undefined
  readonly heartbeatMs: number | undefined
  readonly workerMemoryBytes: number | undefined
  readonly closeTimeoutMs: number
  /** More dead letters make the run fail. */
  readonly maxDeadLetters: number
  /** Only says what would be guaranteed. */
  readonly explain: boolean
  readonly json: boolean
}

const formats = ['ndjson', 'csv', 'lines'] as const
const lastLines = ['keep', 'take'] as const
const waitings = ['spin', 'balanced', 'park'] as const
const closeTimeoutMsDefault = 10_000

export const runCommand: CommandSpec = {
  call: 'semel run',
  arguments: [
    {
      name: 'MODULE',
      says: 'the path of a module that exports a pipeline, or MODULE#NAME',
    },
  ],
  says:
    'Runs a pipeline until its source has ended and every message with it. Where MODULE also\n' +
    'exports a function source(files), that makes the source out of the --source files, of which\n' +
    'there may be none; otherwise the files are read by their extension: .ndjson and .jsonl, .csv,\n' +
    'anything else line by line.',
  options: [
    {
      name: 'source',
      value: 'FILE …',
      several: true,
      says: 'the file to read; several are read at once; -: standard input',
    },
    {
      name: 'format',
      value: 'FORMAT',
      says: 'ndjson, csv or lines (default by the extension; of standard input ndjson)',
    },
    {
      name: 'last-line',
      value: 'HOW',
      says: 'while it has no end: keep it for the next run, or take it (default keep)',
    },
    {
      name: 'config',
      value: 'FILE',
      says: 'a JSON file with what the pipeline is configured by; it is printed nowhere',
    },
    {
      name: 'dir',
      value: 'DIR',
      says: "the stream's directory (default .semel/NAME; at-most-once: none)",
    },
    { name: 'shards', value: 'N', says: 'partitions of the key space (default 1)' },
    { name: 'workers', value: 'N', says: 'worker threads; 0: none, all runs in one (default 1)' },
    {
      name: 'durability',
      value: 'LEVEL',
      says: 'memory, process, disk or interval:MS (default by delivery: memory or disk)',
    },
    {
      name: 'no-journal',
      says: 'messages are in memory alone; after a crash their files are read again',
    },
    {
      name: 'delivery',
      value: 'DELIVERY',
      says: "at-most-once, at-least-once or exactly-once, instead of the module's choice",
    },
    {
      name: 'waiting',
      value: 'HOW',
      says: 'what an idle worker does: spin, balanced or park (default balanced)',
    },
    {
      name: 'heartbeat',
      value: 'TIME',
      says: 'how long a worker may show no sign of life; 0: for ever (default 30s)',
    },
    {
      name: 'worker-memory',
      value: 'SIZE',
      says: "how large a worker's heap may grow, such as 256MiB (default: V8's choice)",
    },
    {
      name: 'close-timeout',
      value: 'TIME',
      says: 'how long SIGINT and SIGTERM wait for what is in flight (default 10s)',
    },
    {
      name: 'max-dead-letters',
      value: 'N',
      says: 'end and fail when this run makes more of them, such as 0 (default: no bound)',
    },
    {
      name: 'explain',
      says: 'what would be guaranteed, hop by hop and why; nothing is run or read',
    },
    { name: 'json', says: 'one JSON object on standard output, and nothing else there' },
    { name: 'help', short: 'h', says: 'this text' },
  ],
  notes:
    'The counters at the end are those of this run: what it took in, and what an earlier run had left\n' +
    'undone. Those of the directory since it was made: semel inspect DIR.\n' +
    '\n' +
    'A last line without an end is kept, unless it is whole already: a complete JSON object, or a\n' +
    'record of a CSV file with a byte order mark. What is kept is told on standard error.\n' +
    '\n' +
    'SIGINT and SIGTERM stop the source and end what is in flight; a second one exits at once. The\n' +
    'same command goes on where the last one stopped, if the source can be resumed, as files can.\n' +
    '\n' +
    'Messages that can not be processed become dead letters, and the run goes on: the end tells how many\n' +
    'and why, --max-dead-letters bounds them, and semel dead-letters deals with them.\n' +
    '\n' +
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by SIGINT, 143 by SIGTERM.',
}

/** @throws UsageError naming the option, the value and the remedy */
export function readRunOptions(words: readonly string[]): RunOptions | 'help' {
  const given = readOptions(runCommand, words)
  if (given.flags.has('help')) return 'help'
  return {
    module: requireArgument(runCommand, given, 0),
    sources: given.values.get('source') ?? [],
    format: oneOf(given, 'format', formats),
    lastLine: oneOf(given, 'last-line', lastLines),
    config: valueOf(given, 'config'),
    dir: valueOf(given, 'dir'),
    shards: wholeNumberOf(given, 'shards', 1),
    workers: wholeNumberOf(given, 'workers', 0),
    durability: durabilityOf(given),
    journal: !given.flags.has('no-journal'),
    delivery: oneOf(given, 'delivery', deliveries),
    waiting: oneOf(given, 'waiting', waitings),
    heartbeatMs: amountOf(given, 'heartbeat', durationMs),
    workerMemoryBytes: amountOf(given, 'worker-memory', sizeBytes),
    closeTimeoutMs: amountOf(given, 'close-timeout', timerMs) ?? closeTimeoutMsDefault,
    maxDeadLetters: wholeNumberOf(given, 'max-dead-letters', 0) ?? Infinity,
    explain: given.flags.has('explain'),
    json: given.flags.has('json'),
  }
}

/** A duration that a timer can hold. */
function timerMs(value: Duration, option: string): number {
  const ms = durationMs(value, option)
  if (ms <= timerMsMax) return ms
  throw new UsageError(`${option}: ${shown(value)} is out of bounds; give at most '24d'`)
}

function durabilityOf(given: Given): Durability | undefined {
  const value = valueOf(given, 'durability')
  if (value === undefined) return undefined
  if (value === 'memory' || value === 'process' || value === 'disk') return value
  const interval = /^interval:(\d+)$/.exec(value)?.[1]
  if (interval !== undefined && Number(interval) > 0) return { interval: Number(interval) }
  throw new UsageError(
    `--durability: ${shown(value)} is unknown; choose memory, process, disk or interval:MS, such as interval:100`,
  )
}
