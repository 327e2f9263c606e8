import { readOptions, requireArgument, type CommandSpec } from '../options.js'

/** What `semel inspect` was told. */
export interface InspectOptions {
  readonly dir: string
  readonly json: boolean
}

export const inspectCommand: CommandSpec = {
  call: 'semel inspect',
  arguments: [{ name: 'DIR', says: "a stream's directory" }],
  says:
    "Shows what a stream's directory holds, a column for each shard, and changes nothing in it. It may\n" +
    'be open meanwhile; its numbers are then those of the moment.',
  options: [
    { name: 'json', says: 'one JSON object on standard output, and nothing else there' },
    { name: 'help', short: 'h', says: 'this text' },
  ],
  notes:
    'through: every message up to this sequence is done, but for the parked ones. epoch: how often\n' +
    'the directory was opened. ids: those in the dedup window. The counters are totals since the\n' +
    'directory was made.',
}

/** @throws UsageError naming the option and the remedy */
export function readInspectOptions(words: readonly string[]): InspectOptions | 'help' {
  const given = readOptions(inspectCommand, words)
  if (given.flags.has('help')) return 'help'
  return { dir: requireArgument(inspectCommand, given, 0), json: given.flags.has('json') }
}
