import { readOptions, requireArgument, type CommandSpec } from '../options.js'

/** What `semel verify` was told. */
export interface VerifyOptions {
  readonly dir: string
  readonly json: boolean
}

export const verifyCommand: CommandSpec = {
  call: 'semel verify',
  arguments: [{ name: 'DIR', says: "a stream's directory" }],
  says:
    "Reads every file of a stream's directory, tells what is damaged, where, and what that costs, and\n" +
    'changes nothing. Beside an open stream its end moves: close it for an answer that counts.',
  options: [
    { name: 'json', says: 'one JSON object on standard output, and nothing else there' },
    { name: 'help', short: 'h', says: 'this text' },
  ],
  notes:
    'It exits with 0 where nothing keeps the stream from opening, with 1 where something does. A torn\n' +
    'tail and leftovers of a crash are no damage: opening the stream deals with them.',
}

/** @throws UsageError naming the option and the remedy */
export function readVerifyOptions(words: readonly string[]): VerifyOptions | 'help' {
  const given = readOptions(verifyCommand, words)
  if (given.flags.has('help')) return 'help'
  return { dir: requireArgument(verifyCommand, given, 0), json: given.flags.has('json') }
}
