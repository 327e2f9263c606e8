import type { Delivery } from '../core/delivery.js'
import type { Decisions } from './decisions.js'

/** What the deliveries with a journal say to a durability. */
export function needsJournal(delivery: Delivery): Decisions['refusesDurability'] {
  return (durability) =>
    durability === 'memory'
      ? `can't carry ${delivery}; choose 'process', 'disk' or { interval: milliseconds }, or at-most-once`
      : undefined
}
