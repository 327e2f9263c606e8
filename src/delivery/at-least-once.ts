import type { Decisions } from './decisions.js'
import { needsJournal } from './journaled.js'

/** Nothing is lost: a message stays in the journal until its outcome is committed. */
export const atLeastOnce: Decisions = Object.freeze({
  delivery: 'at-least-once',
  ring: 'journal',
  acknowledged: 'after processing',
  failed: 'parked',
  durabilityDefault: 'disk',
  refusesDurability: needsJournal('at-least-once'),
} satisfies Decisions)
