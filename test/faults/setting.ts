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
  /** A file that is cut back, a file of lines that are only ever appended, or a database. */
  readonly sink: 'rewindable' | 'idempotent' | 'repeatable' | 'transactional'
  readonly operators: 'sync' | 'async' | 'batch'
  /** Whether the stream knows ids. */
  readonly dedup: boolean
  /** Whether it knows copies by where they were read; exactly-once, and without ids. */
  readonly byPosition: boolean
  /** Whether messages are kept before they are processed; at most once they never are. */
  readonly journal: boolean
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
  /** Messages of a queue that has each acknowledged; 0: there is none. */
  readonly queueRows: number
  /** Rows of a group, whose partitions come and go; 0: there is none. */
  readonly groupRows: number
  readonly partitions: number
  /** Whether the sink fails as a whole now and then; of a function, every failure is its output's. */
  readonly sinkFails: boolean
  /** Files that are written beside the sink: one of dead letters, one of all outputs, one of a branch's. */
  readonly beside: 0 | 2 | 3
  /** How rows come to PostgreSQL, where that is the database: by one statement, or by several of a function. */
  readonly postgres?: 'table' | 'function'
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
    byPosition: false,
    journal: true,
    bank: random.chance(0.4),
    failing: random.oneOf([0.002, 0.02, 0.06]),
    padBytes: random.oneOf([0, 100, 7000]),
    sourceRows: random.chance(0.5) ? random.between(300, 2000) : 0,
    sinkFails: sink === 'rewindable' && random.chance(0.3),
    writer: 'still',
    files: 1,
    readings: 'once',
    queueRows: 0,
    groupRows: 0,
    partitions: 0,
    beside: 0,
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

/** The setting with sources of other kinds, drawn apart for the same reason; most have none. */
export function drawSources(random: Random, setting: Setting): Setting {
  if (random.chance(0.6)) return setting
  const { delivery } = setting
  const byPosition = delivery === 'exactly-once' && random.chance(0.35)
  const journal = random.chance(byPosition ? 0.3 : 0.45)
  const drawn = {
    ...setting,
    byPosition,
    journal,
    dedup: setting.dedup && !byPosition,
    // Where nothing is parked, more can be said of what was given up.
    failing: random.chance(0.4) ? 0 : setting.failing,
  }
  const isSent = takesSends(drawn)
  // With a journal, a crash behind a give-up may bring what another member has read.
  const isOfGroup = (delivery !== 'exactly-once' || !journal) && random.chance(0.7)
  const sources = {
    queueRows: isSent && random.chance(0.65) ? random.between(200, 1000) : 0,
    groupRows: isOfGroup ? random.between(200, 1500) : 0,
    partitions: random.between(1, 5),
  }
  const isRead = setting.sourceRows > 0 || sources.queueRows > 0 || sources.groupRows > 0
  return {
    ...drawn,
    ...sources,
    sourceRows: isRead ? setting.sourceRows : random.between(300, 1500),
  }
}

/** The setting over a database, drawn apart for the same reason. */
export function drawTransactional(random: Random, setting: Setting): Setting {
  if (setting.delivery !== 'exactly-once' || random.chance(0.6)) return setting
  return { ...setting, sink: 'transactional', sinkFails: random.chance(0.75) }
}

/** The setting with files beside its sink, drawn apart for the same reason. */
export function drawBeside(random: Random, setting: Setting): Setting {
  const { delivery, sink } = setting
  const isTaken = sink === 'transactional' || (sink === 'rewindable' && delivery === 'exactly-once')
  if (!isTaken || random.chance(0.5)) return setting
  // What the sink's own place is known by is the number that the first of `to` has.
  return { ...setting, beside: sink === 'transactional' ? random.oneOf([2, 3]) : 2 }
}

/** Whether messages can be sent, and handed out by queues: not what only a source could give again. */
export function takesSends({ delivery, journal, byPosition }: Setting): boolean {
  return delivery === 'at-most-once' || (journal && !byPosition)
}

/** Whether a source is read that the parent has. */
export function hasUpstream({ queueRows, groupRows }: Setting): boolean {
  return queueRows > 0 || groupRows > 0
}

export function drawAcknowledge(random: Random): Acknowledge {
  return random.oneOf<Acknowledge>(['stored', 'stored', 'processed', 'batched'])
}

export function isTransactional({ sink }: Setting): boolean {
  return sink === 'transactional'
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
    ...(setting.postgres === undefined ? [] : [`PostgreSQL by a ${setting.postgres}`]),
    ...(setting.beside > 0 ? [`${setting.beside} files beside it`] : []),
    operators,
    ...(dedup ? ['ids'] : []),
    ...(setting.byPosition ? ['by position'] : []),
    ...(setting.journal ? [] : ['no journal']),
    ...(bank ? ['bank'] : []),
    `${failing * 100} % fail with ${padBytes} bytes`,
    ...(setting.sourceRows > 0 ? [sourceName(setting)] : []),
    ...(setting.queueRows > 0 ? [`queue of ${setting.queueRows} messages`] : []),
    ...(setting.groupRows > 0
      ? [`group of ${setting.groupRows} rows in ${setting.partitions} partitions`]
      : []),
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
