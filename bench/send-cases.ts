import type { Acknowledge, Waiting } from 'semel'

/** One way to send a message and wait for its acknowledgment. */
export interface SendCase {
  readonly case: string
  readonly acknowledge: Acknowledge
  readonly durability: 'process' | 'disk'
  /** 0: in the sender's thread. */
  readonly workers: 0 | 1
  readonly waiting: Waiting
  /** Messages in flight: 1 measures latency, more measure throughput. */
  readonly inFlight: number
}

export const sendCases: readonly SendCase[] = [
  ...(['process', 'disk'] as const).flatMap((durability): SendCase[] => [
    lone('stored', durability, 1, 'balanced'),
    lone('processed', durability, 0, 'balanced'),
    lone('processed', durability, 1, 'park'),
    lone('processed', durability, 1, 'spin'),
  ]),
  {
    case: 'stored process, 10,000 in flight',
    acknowledge: 'stored',
    durability: 'process',
    workers: 1,
    waiting: 'balanced',
    inFlight: 10_000,
  },
]

function lone(
  acknowledge: Acknowledge,
  durability: SendCase['durability'],
  workers: 0 | 1,
  waiting: Waiting,
): SendCase {
  const way = workers === 0 ? 'inline' : acknowledge === 'stored' ? 'worker' : `worker, ${waiting}`
  return {
    case: `${acknowledge} ${durability}, ${way}`,
    acknowledge,
    durability,
    workers,
    waiting,
    inFlight: 1,
  }
}
