import { shown } from '../../core/options.js'
import { UsageError } from '../failures.js'
import {
  readOptions,
  requireArgument,
  valueOf,
  wholeNumberOf,
  type CommandSpec,
  type Given,
  type OptionSpec,
} from '../options.js'
import { perhaps } from '../perhaps.js'

/** A letter as a command line names it. */
export interface LetterName {
  readonly shard: number
  readonly number: number
}

/** What `semel dead-letters` was told. */
export type LettersOptions = {
  readonly dir: string
  readonly json: boolean
} & (
  | { readonly action: 'list'; readonly limit: number; readonly after: LetterName | undefined }
  | { readonly action: 'show'; readonly letters: readonly LetterName[] }
  | { readonly action: 'retry' | 'drop'; readonly letters: readonly LetterName[] | 'all' }
)

const limitDefault = 100
const actions = ['list', 'show', 'retry', 'drop'] as const

const dirArgument = { name: 'DIR', says: "a stream's directory, open or not" }
const letterArgument = {
  name: 'LETTER',
  says: 'SHARD:NUMBER as list shows it, such as 0:7',
  several: true,
}
const both: readonly OptionSpec[] = [
  { name: 'json', says: 'one JSON object on standard output, and nothing else there' },
  { name: 'help', short: 'h', says: 'this text' },
]
const all: OptionSpec = { name: 'all', says: 'all that are open now, instead of LETTER …' }
const whenDone =
  'A process that has the directory open does it at once; otherwise the next opening does, such as\n' +
  'the next semel run. A request outlives crashes, and is done once.'

/** The commands below `semel dead-letters`. */
export const lettersCommands: Readonly<Record<(typeof actions)[number], CommandSpec>> = {
  list: {
    call: 'semel dead-letters list',
    arguments: [dirArgument],
    says:
      "Lists the dead letters in a stream's directory that are open, neither retried nor dropped, by\n" +
      'shard and number, and changes nothing. One that can not be decoded is listed with its bytes.',
    options: [
      { name: 'limit', value: 'N', says: `how many at most (default ${limitDefault})` },
      { name: 'after', value: 'LETTER', says: 'only those behind this one, for the next page' },
      ...both,
    ],
  },
  show: {
    call: 'semel dead-letters show',
    arguments: [dirArgument, letterArgument],
    says: 'Shows letters whole: the message, and what every attempt failed with.',
    options: both,
  },
  retry: {
    call: 'semel dead-letters retry',
    arguments: [dirArgument, letterArgument],
    says:
      'Sends the messages of letters again, past the dedup index. A message that fails for good once\n' +
      'more is a new letter. The letter of a row that could not be read can only be\n' +
      'dropped: send the corrected row as a new message first.',
    options: [all, ...both],
    notes: whenDone,
  },
  drop: {
    call: 'semel dead-letters drop',
    arguments: [dirArgument, letterArgument],
    says: 'Drops letters: their messages are gone.',
    options: [all, ...both],
    notes: whenDone,
  },
}

/** What the help of `semel dead-letters` itself shows. */
export const lettersCommand: CommandSpec = {
  call: 'semel dead-letters',
  arguments: [
    { name: 'list|show|retry|drop', says: 'what to do' },
    dirArgument,
    { ...letterArgument, name: '[LETTER]' },
  ],
  says:
    'Lists, shows, retries or drops the dead letters of a stream: messages that failed for good, and\n' +
    'rows that could not be read. More on each: semel dead-letters list --help.',
  options: both,
}

/** @throws UsageError naming the option, the value and the remedy */
export function readLettersOptions(words: readonly string[]): LettersOptions | CommandSpec {
  const [word, ...rest] = words
  if (word === undefined) throw new UsageError(`semel dead-letters: ${missing}`)
  if (word === '--help' || word === '-h') return lettersCommand
  const action = actions.find((known) => known === word)
  if (action === undefined) {
    throw new UsageError(
      `semel dead-letters: there is no ${shown(word)}${perhaps(word, actions)}; ${choices}`,
    )
  }
  const command = lettersCommands[action]
  const given = readOptions(command, rest)
  if (given.flags.has('help')) return command
  const common = { dir: requireArgument(command, given, 0), json: given.flags.has('json') }
  if (action === 'list') {
    const after = valueOf(given, 'after')
    return {
      ...common,
      action,
      limit: wholeNumberOf(given, 'limit', 1) ?? limitDefault,
      after: after === undefined ? undefined : letterOf('--after', after),
    }
  }
  if (action === 'show') return { ...common, action, letters: lettersOf(command, given) }
  if (!given.flags.has('all')) return { ...common, action, letters: lettersOf(command, given) }
  if (given.positionals.length === 1) return { ...common, action, letters: 'all' }
  throw new UsageError(`${command.call}: both --all and LETTER are given; give one of them`)
}

const choices = 'give list, show, retry or drop, or see semel dead-letters --help'
const missing = `what to do is missing; ${choices}`

function lettersOf(command: CommandSpec, given: Given): LetterName[] {
  requireArgument(command, given, 1)
  return given.positionals.slice(1).map((text) => letterOf(command.call, text))
}

function letterOf(where: string, text: string): LetterName {
  const [, shard, number] = /^(\d{1,3}):(\d{1,15})$/.exec(text) ?? []
  if (shard !== undefined && number !== undefined && Number(number) > 0) {
    return { shard: Number(shard), number: Number(number) }
  }
  throw new UsageError(
    `${where}: ${shown(text)} is no letter; give SHARD:NUMBER as semel dead-letters list shows it, such as 0:7`,
  )
}
