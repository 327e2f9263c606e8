import { UsageError } from '../failures.js'
import { readOptions, valueOf, type CommandSpec } from '../options.js'
import { perhaps } from '../perhaps.js'
import { shown } from '../../core/options.js'

/** What `semel postgres init` was told. */
export interface PostgresInitOptions {
  /** A connection string; undefined: what the environment says. */
  readonly address: string | undefined
  readonly schema: string | undefined
  readonly role: string | undefined
  readonly isPrinted: boolean
}

export const postgresInitCommand: CommandSpec = {
  call: 'semel postgres init',
  arguments: [
    {
      name: '[ADDRESS]',
      says: 'postgres://user@host:5432/database; without it the environment says (PGHOST …)',
    },
  ],
  says:
    'Makes the table semel_commits, in which the sink postgres keeps the number of each commit, where\n' +
    'it is missing, as a user who may. Run again it changes nothing.',
  options: [
    { name: 'schema', value: 'NAME', says: "where (default: the search path's first schema)" },
    { name: 'role', value: 'NAME', says: 'who may then commit, and do no more with it' },
    { name: 'print', says: 'the statements on standard output; nothing is run' },
    { name: 'help', short: 'h', says: 'this text' },
  ],
  notes:
    'The role needs INSERT on the tables that the sink writes to as well; with a key also SELECT and\n' +
    'UPDATE, with deletes also DELETE. A password is better in PGPASSWORD than in ADDRESS.',
}

/** @throws UsageError naming the option and the remedy */
export function readPostgresOptions(words: readonly string[]): PostgresInitOptions | 'help' {
  const [action, ...more] = words
  if (action !== 'init' && action !== '--help' && action !== '-h') {
    const what =
      action === undefined
        ? 'an action is missing'
        : `there is no action ${shown(action)}${perhaps(action, ['init'])}`
    throw new UsageError(`semel postgres: ${what}; give init, or see semel postgres --help`)
  }
  const given = readOptions(postgresInitCommand, action === 'init' ? more : words)
  if (given.flags.has('help')) return 'help'
  const options = {
    address: given.positionals[0],
    schema: valueOf(given, 'schema'),
    role: valueOf(given, 'role'),
    isPrinted: given.flags.has('print'),
  }
  if (options.isPrinted && options.address !== undefined) {
    throw new UsageError(
      'semel postgres init: --print asks no server; leave ADDRESS away, or --print',
    )
  }
  return options
}
