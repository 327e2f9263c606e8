import type { Decisions } from './decisions.js'

/** Nothing is repeated: a message is done with as soon as a worker has taken it. */
export const atMostOnce: Decisions = Object.freeze({
  delivery: 'at-most-once',
  ring: 'memory',
  acknowledged: 'before processing',
  failed: 'dropped',
  durabilityDefault: 'memory',
  refusesDurability: (durability) =>
    durability === 'memory'
      ? undefined
      : 'does not go with at-most-once, whose messages are kept in memory only; leave it out, or choose at-least-once',
} satisfies Decisions)
