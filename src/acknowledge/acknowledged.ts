import type { Acknowledge } from '../core/acknowledge.js'
import type { BatchedEnd, Completion, Receipt } from './ends.js'

/** What a sender gets under each mode. */
export interface Acknowledged<Out> {
  processed: Completion<Out>
  stored: Receipt
  batched: BatchedEnd
}

const strength: Readonly<Record<Acknowledge, number>> = { batched: 0, stored: 1, processed: 2 }

/** The modes that a single call may ask for on a stream of mode A: those that tell as much or more. */
export type Stronger<A extends Acknowledge> =
  | A
  | (A extends 'processed' ? never : A extends 'stored' ? 'processed' : Acknowledge)

export function isStronger(asked: Acknowledge, than: Acknowledge): boolean {
  return strength[asked] >= strength[than]
}
