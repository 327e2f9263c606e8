import { durationMs } from '../../core/durations.js'
import { shown } from '../../core/options.js'
import type { Needs } from '../../advise.js'
import { UsageError } from '../failures.js'
import { amountOf, oneOf, readOptions, valueOf, type CommandSpec, type Given } from '../options.js'

/** What `semel advise` was told. */
export interface AdviseOptions {
  readonly needs: Needs
  /** A file of figures. */
  readonly figures: string | undefined
  readonly json: boolean
}

export const adviseCommand: CommandSpec = {
  call: 'semel advise',
  arguments: [],
  says:
    'Tells which delivery, acknowledgment and durability meet what you need, with the reason for each\n' +
    'and why the others do not; docs/guide/choosing.md has the same as a text.',
  options: [
    { name: 'loss', value: 'none|some', says: 'whether a message may be lost' },
    { name: 'duplicates', value: 'none|some', says: 'whether one may have its effect twice' },
    { name: 'rate', value: 'N/s', says: 'messages a second at the busiest time' },
    {
      name: 'latency',
      value: 'TIME',
      says: "from send to its answer, at p99; the handler's own time comes on top",
    },
    {
      name: 'idempotent',
      says: 'handler and sink may be given a message twice without a second effect',
    },
    {
      name: 'power-loss',
      value: 'survive|no',
      says: 'default: survive where none may be lost, otherwise no',
    },
    {
      name: 'figures',
      value: 'FILE',
      says: 'figures of this machine, as semel bench --json FILE writes them',
    },
    { name: 'json', says: 'one JSON object on standard output, and nothing else there' },
    { name: 'help', short: 'h', says: 'this text' },
  ],
  notes:
    'It exits with 0 where all needs are met, with 1 where some exclude each other: it says which, and\n' +
    'what comes nearest.',
}

/** @throws UsageError naming the option, the value and the remedy */
export function readAdviseOptions(words: readonly string[]): AdviseOptions | 'help' {
  const given = readOptions(adviseCommand, words)
  if (given.flags.has('help')) return 'help'
  const rate = rateOf(given)
  const latency = latencyOf(given)
  const powerLoss = oneOf(given, 'power-loss', ['survive', 'no'])
  return {
    needs: {
      loss: required(given, 'loss'),
      duplicates: required(given, 'duplicates'),
      ...(rate === undefined ? {} : { rate }),
      ...(latency === undefined ? {} : { latency }),
      idempotent: given.flags.has('idempotent'),
      ...(powerLoss === undefined ? {} : { powerLoss }),
    },
    figures: valueOf(given, 'figures'),
    json: given.flags.has('json'),
  }
}

function required(given: Given, name: 'loss' | 'duplicates'): 'none' | 'some' {
  const value = oneOf(given, name, ['none', 'some'])
  if (value !== undefined) return value
  throw new UsageError(
    `${adviseCommand.call}: --${name} is missing; give --${name} none or --${name} some`,
  )
}

function rateOf(given: Given): number | undefined {
  const value = valueOf(given, 'rate')
  if (value === undefined) return undefined
  const digits = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(value)?.[1]
  if (digits !== undefined && Number(digits) > 0) return Number(digits)
  throw new UsageError(
    `--rate: ${shown(value)} is no rate; give messages a second, such as 500/s or 100000/s`,
  )
}

function latencyOf(given: Given): number | undefined {
  const ms = amountOf(given, 'latency', durationMs)
  if (ms !== 0) return ms
  throw new UsageError('--latency: "0" is no bound; give a time such as 200ms or 500us')
}
