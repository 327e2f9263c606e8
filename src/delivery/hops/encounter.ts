import type { Delivery } from '../../core/delivery.js'
import type { Effect, Encounter, Fault, Opening } from '../hop.js'

/** A fault that shows at a hop; whether the delivery's promise holds through it follows. */
export function encounter(
  delivery: Delivery,
  fault: Fault,
  effect: Effect,
  says: string,
): Encounter {
  return { fault, effect, holds: isPromised(delivery, effect), says }
}

/**
 * After what the journal gives back what was stored, and the shards go on: a power loss only where
 * receipts survive it.
 */
export function crashesOfProcess({ durability }: Opening): ('kill' | 'power-loss')[] {
  return durability === 'disk' || typeof durability === 'object' ? ['kill', 'power-loss'] : ['kill']
}

function isPromised(delivery: Delivery, effect: Effect): boolean {
  switch (effect) {
    case 'lost':
      return delivery === 'at-most-once'
    case 'repeated':
      return delivery === 'at-least-once'
    case 'unknown':
      return false
    case 'stops':
    case 'limited':
      return true
    default:
      return effect satisfies never
  }
}
