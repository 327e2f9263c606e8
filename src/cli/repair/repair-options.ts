import { UsageError } from '../failures.js'
import { readOptions, requireArgument, valueOf, type CommandSpec, type Given } from '../options.js'

/** What `semel repair` was told. */
export interface RepairCommandOptions {
  readonly dir: string
  readonly json: boolean
  readonly yes: boolean
  readonly dryRun: boolean
  /** Lets the directory go on from what this pipeline's sink has; undefined: cuts damage out. */
  readonly trustSink: { readonly module: string; readonly config: string | undefined } | undefined
}

export const repairCommand: CommandSpec = {
  call: 'semel repair',
  arguments: [{ name: 'DIR', says: 'the directory of a closed stream' }],
  says:
    "Cuts damage out of a stream's directory, so that it opens again. It first says what it would do and\n" +
    'what that costs, then asks. Lost messages become dead letters that say so.\n' +
    'With --trust-sink it lets a directory go on from what its transactional sink has, where the two\n' +
    'disagree: the directory is an older copy, or a new one, or the sink was put back.',
  options: [
    {
      name: 'trust-sink',
      says: 'goes on from what the sink has, where the two disagree; needs --pipeline',
    },
    {
      name: 'pipeline',
      value: 'MODULE',
      says: 'the module that exports the pipeline, or MODULE#NAME: its sink is asked',
    },
    {
      name: 'config',
      value: 'FILE',
      says: 'a JSON file with what the pipeline is configured by; it is printed nowhere',
    },
    { name: 'yes', says: 'does it without asking; needed where there is no terminal to ask on' },
    { name: 'dry-run', says: 'says what it would do, and changes nothing' },
    {
      name: 'json',
      says: 'one JSON object on standard output, nothing else; needs --yes or --dry-run',
    },
    { name: 'help', short: 'h', says: 'this text' },
  ],
  notes:
    'Every file that changes is kept as it was in DIR/before-repair-N. A repair that was interrupted is\n' +
    'finished by running it again; until then the stream does not open. It exits with 1 where damage\n' +
    'stays: it was refused, or declined, or not asked for (--dry-run).',
}

/** @throws UsageError naming the option and the remedy */
export function readRepairOptions(words: readonly string[]): RepairCommandOptions | 'help' {
  const given = readOptions(repairCommand, words)
  if (given.flags.has('help')) return 'help'
  const options = {
    dir: requireArgument(repairCommand, given, 0),
    json: given.flags.has('json'),
    yes: given.flags.has('yes'),
    dryRun: given.flags.has('dry-run'),
    trustSink: readTrustSink(given),
  }
  if (options.yes && options.dryRun) {
    throw new UsageError('semel repair: --yes and --dry-run exclude each other; give one of them')
  }
  if (options.json && !options.yes && !options.dryRun) {
    throw new UsageError('semel repair: --json can not ask; give --yes or --dry-run with it')
  }
  return options
}

/** @throws UsageError */
function readTrustSink(given: Given): RepairCommandOptions['trustSink'] {
  const module = valueOf(given, 'pipeline')
  const config = valueOf(given, 'config')
  if (given.flags.has('trust-sink')) {
    if (module !== undefined) return { module, config }
    throw new UsageError(
      'semel repair: --trust-sink asks the sink of a pipeline; give its module with --pipeline MODULE',
    )
  }
  const lone = module === undefined ? (config === undefined ? undefined : 'config') : 'pipeline'
  if (lone === undefined) return undefined
  throw new UsageError(
    `semel repair: --${lone} is for --trust-sink; give that with it, or leave it out`,
  )
}
