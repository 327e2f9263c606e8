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
    ...(setting.sourceRows > 0 ? [`source of ${setting.sourceRows} rows`] : []),
  ].join(', ')
}

export function levelOf({ durability }: Setting): string {
  return typeof durability === 'object' ? `interval ${durability.interval}` : durability
}
