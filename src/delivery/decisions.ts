import type { Delivery, Durability } from '../core/delivery.js'

/** What a delivery decides; everything else is the same under each of them. */
export interface Decisions {
  readonly delivery: Delivery
  /** Where messages wait for a worker. */
  readonly ring: 'memory' | 'journal'
  readonly acknowledged:
    | 'before processing'
    | 'after processing'
    | "together with the sink's commit"
  /** What becomes of a message that fails. */
  readonly failed: 'dropped' | 'parked'
  readonly durabilityDefault: Durability
  /** Why a durability does not go with it, and the remedy; undefined where it does. */
  readonly refusesDurability: (durability: Durability) => string | undefined
}
