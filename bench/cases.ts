import type { Delivery } from 'semel'

/** What is measured: a delivery at a durability, with messages of one kind. */
export interface Case {
  readonly case: string
  readonly delivery: Delivery
  /** When the sender hears back: these cases wait for all messages together, at the end. */
  readonly acknowledge: 'batched'
  readonly durability: 'memory' | 'process' | 'disk'
  readonly message: 'object' | 'raw64'
}

const deliveries: readonly [Delivery, Case['durability']][] = [
  ['at-most-once', 'memory'],
  ['at-least-once', 'process'],
  ['exactly-once', 'process'],
  ['at-least-once', 'disk'],
  ['exactly-once', 'disk'],
]

export const cases: readonly Case[] = (['object', 'raw64'] as const).flatMap((message) =>
  deliveries.map(([delivery, durability]) => ({
    case: `${message} ${delivery} ${durability}`,
    delivery,
    acknowledge: 'batched' as const,
    durability,
    message,
  })),
)
