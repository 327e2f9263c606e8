import type { Delivery } from '../core/delivery.js'
import { atLeastOnce } from './at-least-once.js'
import { atMostOnce } from './at-most-once.js'
import type { Decisions } from './decisions.js'
import { exactlyOnce } from './exactly-once.js'

const all: { readonly [D in Delivery]: Decisions } = {
  'at-most-once': atMostOnce,
  'at-least-once': atLeastOnce,
  'exactly-once': exactlyOnce,
}

export function decisionsOf(delivery: Delivery): Decisions {
  return all[delivery]
}
