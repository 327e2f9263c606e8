#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { shown } from '../core/options.js'
import { adviseCommand, readAdviseOptions } from './advise/advise-options.js'
import { benchCommand, readBenchOptions } from './bench/bench-options.js'
import { inEach } from './directories.js'
import { exitCodeOf, exitCodes, failureText, UsageError } from './failures.js'
import { commandHelp, programHelp } from './help.js'
import { inspectCommand, readInspectOptions } from './inspect/inspect-options.js'
import { readLettersOptions } from './letters/letters-options.js'
import { perhaps } from './perhaps.js'
import { readRepairOptions, repairCommand } from './repair/repair-options.js'
import { postgresInitCommand, readPostgresOptions } from './postgres/postgres-options.js'
import { readRunOptions, runCommand } from './run/run-options.js'
import { listed } from './options.js'
import { ignoreClosedPipes, print } from './stdout.js'
import { failWhereNothingIsLeft } from './waiting-for.js'
import { readVerifyOptions, verifyCommand } from './repair/verify-options.js'

const commands = [
  'run',
  'inspect',
  'dead-letters',
  'verify',
  'repair',
  'bench',
  'advise',
  'postgres',
]
const choices = `give ${listed(commands, 'or')}, or see semel --help`

const help = programHelp([
  { name: 'run', says: 'runs a pipeline on files, or on the source of its module' },
  { name: 'inspect', says: "shows what a stream's directory holds" },
  { name: 'dead-letters', says: 'lists, shows, retries or drops what failed for good' },
  { name: 'verify', says: "tells what is damaged in a stream's directory, and what that costs" },
  { name: 'repair', says: 'cuts damage out of it, after saying what is lost' },
  { name: 'bench', says: 'measures what each guarantee costs, for your handler and messages' },
  {
    name: 'advise',
    says: 'tells which delivery, acknowledgment and durability meet what you need',
  },
  { name: 'postgres', says: 'makes the table in which the sink postgres keeps its commits' },
])

ignoreClosedPipes()
process.on('uncaughtException', end)
failWhereNothingIsLeft(end)
main(process.argv.slice(2)).then((code) => process.exit(code), end)

async function main([command, ...words]: readonly string[]): Promise<number> {
  // Commands are imported when they are called: help and usage errors need no native core.
  switch (command) {
    case 'run': {
      const options = readRunOptions(words)
      if (options === 'help') return told(commandHelp(runCommand))
      return (await import('./run/run.js')).run(options)
    }
    case 'inspect': {
      const options = readInspectOptions(words)
      if (options === 'help') return told(commandHelp(inspectCommand))
      return inEach(options, (await import('./inspect/inspect.js')).inspect)
    }
    case 'dead-letters': {
      const options = readLettersOptions(words)
      if ('call' in options) return told(commandHelp(options))
      return (await import('./letters/letters.js')).deadLetters(options)
    }
    case 'verify': {
      const options = readVerifyOptions(words)
      if (options === 'help') return told(commandHelp(verifyCommand))
      return inEach(options, (await import('./repair/verify.js')).verify)
    }
    case 'repair': {
      const options = readRepairOptions(words)
      if (options === 'help') return told(commandHelp(repairCommand))
      return inEach(options, (await import('./repair/repair.js')).repair)
    }
    case 'bench': {
      const options = readBenchOptions(words)
      if (options === 'help') return told(commandHelp(benchCommand))
      return (await import('./bench/bench.js')).bench(options)
    }
    case 'advise': {
      const options = readAdviseOptions(words)
      if (options === 'help') return told(commandHelp(adviseCommand))
      return (await import('./advise/advise.js')).advise(options)
    }
    case 'postgres': {
      const options = readPostgresOptions(words)
      if (options === 'help') return told(commandHelp(postgresInitCommand))
      return (await import('./postgres/init.js')).init(options)
    }
    case '-h':
    case '--help':
      return told(help)
    case '-v':
    case '--version':
      return told(`${version()}\n`)
    case undefined:
      throw new UsageError(`a command is missing; ${choices}`)
    default: {
      const what = command.startsWith('-') ? `option ${command}` : `command ${shown(command)}`
      throw new UsageError(`there is no ${what}${perhaps(command, commands)}; ${choices}`)
    }
  }
}

async function told(text: string): Promise<number> {
  await print(text)
  return exitCodes.ok
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function end(thrown: unknown): void {
  const debug = (process.env['SEMEL_DEBUG'] ?? '') !== ''
  // What nobody caught may come while a progress line is on the terminal.
  const wipe = process.stderr.isTTY ? '\r\u001b[2K' : ''
  const text = `${wipe}${failureText(thrown, debug)}\n`
  process.stderr.write(text, () => process.exit(exitCodeOf(thrown)))
}
