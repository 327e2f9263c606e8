import type { Acknowledge, Delivery, Durability } from 'semel'
import type { Random } from './random.js'

/** How a case runs its pipeline; drawn once, and the same for all of its lives. */
export interface Setting {
  readonly delivery: Delivery
  readonly durability: Durability
  /** When senders hear back. */
  readonly acknowledge: Acknowledge
  readonly shards: 1 | 4
  /** 0: on the caller's thread. */
  readonly workers: number
  /** A file that is cut back, or a file of lines that are only ever appended. */
  readonly sink: 'rewindable' | 'idempotent' | 'repeatable'
  readonly operators: 'sync' | 'async' | 'batch'
  /** Whether the stream knows ids. */
  readonly dedup: boolean
  /** Whether each message is a transfer, which writes a debit and a credit. */
  readonly bank: boolean
  /** The share of messages that fail once or more. */
  readonly failing: number
  /** Bytes that a failing message carries besides: parked, they fill the ack log. */
  readonly padBytes: number
  /** Rows of a source that is read beside the sends; 0: none. */
  readonly sourceRows: number
  /** What the writer of the source's files does between lives (writer.ts). */
  readonly writer: 'still' | 'appends' | 'renames' | 'copies' | 'truncates'
  /** Files that the rows are in: of two, the odd ones and the even ones. */
  readonly files: 1 | 2
  /** How often a life reads them: again when it has, or twice side by side. */
  readonly readings: 'once' | 'again' | 'beside'
  /** Whether the sink fails as a whole now and then; of a function, every failure is its output's. */
  readonly sinkFails: boolean
}

/** @param acknowledge drawn apart, so that the rest of a seed's cases is as it was without it */
export function drawSetting(random: Random, acknowledge: Acknowledge): Setting {
  const delivery = random.oneOf<Delivery>([
    'at-most-once',
    'at-least-once',
    'at-least-once',
    'exactly-once',
    'exactly-once',
    'exactly-once',
  ])
  const shards = random.oneOf([1, 4] as const)
  const sink = random.oneOf(
    delivery === 'exactly-once'
      ? (['rewindable', 'rewindable', 'idempotent'] as const)
      : (['rewindable', 'repeatable', 'repeatable'] as const),
  )
  return {
    delivery,
    durability:
      delivery === 'at-most-once'
        ? 'memory'
        : random.oneOf<Durability>(['process', { interval: 5 }, 'disk']),
    acknowledge,
    shards,
    workers: random.oneOf([0, 2]) && Math.min(2, shards),
    sink,
    operators: random.oneOf(['sync', 'sync', 'async', 'batch'] as const),
    dedup: delivery === 'exactly-once' || random.chance(0.5),
    bank: random.chance(0.4),
    failing: random.oneOf([0.002, 0.02, 0.06]),
    padBytes: random.oneOf([0, 100, 7000]),
    sourceRows: random.chance(0.5) ? random.between(300, 2000) : 0,
    sinkFails: sink === 'rewindable' && random.chance(0.3),
    writer: 'still',
    files: 1,
    readings: 'once',
  }
}

/** So few that lives read to the end between two changes. */
const changingRowsMax = 250

/** The setting with files that change, drawn apart for the same reason. */
export function drawFiles(random: Random, setting: Setting): Setting {
  if (setting.sourceRows === 0 || random.chance(0.3)) return setting
  const writer = random.oneOf(['still', 'appends', 'renames', 'copies', 'truncates'] as const)
  const { sourceRows } = setting
  return {
    ...setting,
    writer,
    sourceRows: writer === 'still' ? sourceRows : Math.min(sourceRows, changingRowsMax),
    files: random.oneOf([1, 2]),
    readings: random.oneOf(['once', 'again', 'beside']),
  }
}

export function drawAcknowledge(random: Random): Acknowledge {
  return random.oneOf<Acknowledge>(['stored', 'stored', 'processed', 'batched'])
}

export function isKept({ delivery }: Setting): boolean {
  return delivery !== 'at-most-once'
}

export function isSynced({ durability }: Setting): boolean {
  return durability === 'disk' || typeof durability === 'object'
}

/** One line that names it. */
export function nameOf(setting: Setting): string {
  const { delivery, shards, workers, sink, operators, dedup, bank, failing, padBytes } = setting
  return [
    delivery,
    levelOf(setting),
    setting.acknowledge,
    `${shards} shards`,
    workers === 0 ? 'inline' : `${workers} workers`,
    `${sink} sink${setting.sinkFails ? ' that fails' : ''}`,
    operators,
    ...(dedup ? ['ids'] : []),
    ...(bank ? ['bank'] : []),
    `${failing * 100} % fail with ${padBytes} bytes`,
    ...(setting.sourceRows > 0 ? [sourceName(setting)] : []),
  ].join(', ')
}

function sourceName({ sourceRows, files, writer, readings }: Setting): string {
  const what = files === 1 ? 'source' : 'two sources'
  const changes = writer === 'still' ? '' : ` whose writer ${writer}`
  return `${what} of ${sourceRows} rows${changes}, read ${readings}`
}

export function levelOf({ durability }: Setting): string {
  return typeof durability === 'object' ? `interval ${durability.interval}` : durability
}
