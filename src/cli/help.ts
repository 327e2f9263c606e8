import type { CommandSpec, OptionSpec } from './options.js'

/** The help of `semel` itself. */
export function programHelp(commands: readonly { name: string; says: string }[]): string {
  const rows = commands.map(({ name, says }) => [name, says] as const)
  return [
    'semel: an embeddable stream processor: at-most-once, at-least-once or exactly-once',
    '',
    'Usage: semel COMMAND [arguments]',
    '',
    ...aligned(rows),
    '',
    'More on a command: semel COMMAND --help. Version: semel --version.',
    'A command that fails says why on standard error, semel: CODE: …, and writes no JSON.',
    'With SEMEL_DEBUG=1 an error shows where it comes from; with NO_COLOR=1 nothing is coloured.',
    '',
  ].join('\n')
}

/** The help of one command. */
export function commandHelp(command: CommandSpec): string {
  const [source] = command.options.filter((option) => option.several)
  const usage = [
    command.call,
    ...command.arguments.map(({ name, several }) => (several === true ? `${name} …` : name)),
    ...(source === undefined ? [] : [`[${optionText(source)}]`]),
    '[options]',
  ].join(' ')
  const rows = [
    ...command.arguments.map(({ name, says }) => [name, says] as const),
    ...command.options.map((option) => [optionText(option), option.says] as const),
  ]
  const notes = command.notes === undefined ? [] : ['', command.notes]
  return [`Usage: ${usage}`, '', command.says, '', ...aligned(rows), ...notes, ''].join('\n')
}

function optionText({ name, short, value }: OptionSpec): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`
  return value === undefined ? names : `${names} ${value}`
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
