import { parseArgs, type ParseArgsConfig } from 'node:util'
import { shown } from '../core/options.js'
import { UsageError } from './failures.js'
import { perhaps } from './perhaps.js'

/** An option of a command: data, for the parser and for its help. */
export interface OptionSpec {
  readonly name: string
  readonly short?: string
  /** How the help names its value; without it, it takes none. */
  readonly value?: string
  /** Whether several values may follow it, as a shell makes them of `*.csv`; and be given again. */
  readonly several?: boolean
  readonly says: string
}

/** An argument of a command. */
export interface ArgumentSpec {
  readonly name: string
  readonly says: string
  /** Whether several may be given; of the last one only. */
  readonly several?: boolean
}

/** A command: data, for the parser and for its help. */
export interface CommandSpec {
  /** As it is called: `semel run`. */
  readonly call: string
  readonly arguments: readonly ArgumentSpec[]
  readonly options: readonly OptionSpec[]
  /** What it does, for its help. */
  readonly says: string
  /** What else its help has to say. */
  readonly notes?: string
}

/** A command line, read: no value is checked yet. */
export interface Given {
  readonly positionals: readonly string[]
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, readonly string[]>
}

/**
 * Reads a command line. A value that stands right behind those of an option that takes several is one
 * of them, once there are as many arguments as the command takes.
 * @throws UsageError naming the option and the remedy
 */
export function readOptions(command: CommandSpec, words: readonly string[]): Given {
  const positionals: string[] = []
  const flags = new Set<string>()
  const values = new Map<string, string[]>()
  let several: string[] | undefined
  for (const token of tokensOf(command, words)) {
    if (token.kind === 'option-terminator') {
      several = undefined
    } else if (token.kind === 'positional') {
      if (takesMore(command, positionals.length)) positionals.push(token.value)
      else if (several !== undefined) several.push(token.value)
      else throw tooMany(command, token.value)
    } else {
      const option = command.options.find(({ name }) => name === token.name)
      if (option === undefined) throw unknownOption(command, token.rawName)
      several = undefined
      if (option.value === undefined) {
        if (token.value !== undefined) {
          throw new UsageError(`${command.call}: --${option.name} takes no value; leave it away`)
        }
        flags.add(option.name)
        continue
      }
      const value = token.value ?? ''
      if (value === '' || (token.inlineValue !== true && /^-./.test(value))) {
        throw new UsageError(
          `${command.call}: --${option.name} needs a value; give --${option.name} ${option.value}`,
        )
      }
      const before = values.get(option.name)
      if (before !== undefined && option.several !== true) {
        throw new UsageError(`${command.call}: --${option.name} is given twice; give it once`)
      }
      const list = before ?? []
      list.push(value)
      values.set(option.name, list)
      if (option.several === true) several = list
    }
  }
  return { positionals, flags, values }
}

function takesMore(command: CommandSpec, count: number): boolean {
  return count < command.arguments.length || command.arguments.at(-1)?.several === true
}

/** The argument at an index. @throws UsageError where it is missing */
export function requireArgument(command: CommandSpec, given: Given, index: number): string {
  const value = given.positionals[index]
  if (value !== undefined && value !== '') return value
  const { name, says } = command.arguments[index] ?? { name: 'an argument', says: 'it' }
  throw new UsageError(`${command.call}: ${name} is missing; give ${says}`)
}

/** The value of an option, undefined where it was not given. */
export function valueOf(given: Given, name: string): string | undefined {
  return given.values.get(name)?.[0]
}

/** One of some words. @throws UsageError for any other */
export function oneOf<W extends string>(
  given: Given,
  name: string,
  words: readonly W[],
): W | undefined {
  const value = valueOf(given, name)
  if (value === undefined) return undefined
  const word = words.find((known) => known === value)
  if (word !== undefined) return word
  throw new UsageError(`--${name}: ${shown(value)} is unknown; choose ${listed(words, 'or')}`)
}

/** A whole number, written in digits. @throws UsageError for anything else */
export function wholeNumberOf(given: Given, name: string, min: number): number | undefined {
  const value = valueOf(given, name)
  if (value === undefined) return undefined
  const number = Number(value)
  if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= min) return number
  throw new UsageError(
    `--${name}: ${shown(value)} is out of bounds; give a whole number, ${min} or more`,
  )
}

/** A duration or a size; a number alone is one of milliseconds or bytes. @throws UsageError */
export function amountOf(
  given: Given,
  option: string,
  parse: (value: number | string, option: string) => number,
): number | undefined {
  const value = valueOf(given, option)
  if (value === undefined) return undefined
  try {
    return parse(/^\d+$/.test(value) ? Number(value) : value, `--${option}`)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** `a, b and c`. */
export function listed(words: readonly string[], conjunction: 'and' | 'or'): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} ${conjunction} ${last}`
}

// Not strict, so that every complaint is in our words: which command, what is wrong, the remedy.
function tokensOf(command: CommandSpec, words: readonly string[]) {
  const options: ParseArgsConfig['options'] = {}
  for (const { name, short, value } of command.options) {
    options[name] = {
      type: value === undefined ? 'boolean' : 'string',
      ...(short === undefined ? {} : { short }),
    }
  }
  return parseArgs({ args: [...words], options, strict: false, tokens: true }).tokens
}

function unknownOption(command: CommandSpec, rawName: string): UsageError {
  const names = command.options.map(({ name }) => `--${name}`)
  return new UsageError(
    `${command.call}: there is no option ${rawName}${perhaps(rawName, names)}; there are ${listed(names, 'and')}`,
  )
}

function tooMany(command: CommandSpec, value: string): UsageError {
  const several = command.options.find((option) => option.several)
  const remedy =
    several === undefined
      ? 'leave it away'
      : `leave it away, or give it behind --${several.name} where it is a ${several.name}`
  return new UsageError(`${command.call}: ${shown(value)} is one argument too many; ${remedy}`)
}
