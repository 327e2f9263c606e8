import type { Decisions } from './decisions.js'
import { needsJournal } from './journaled.js'

/** Both: id, outcome and the sink's place are one commit. */
export const exactlyOnce: Decisions = Object.freeze({
  delivery: 'exactly-once',
  ring: 'journal',
  acknowledged: "together with the sink's commit",
  failed: 'parked',
  durabilityDefault: 'disk',
  refusesDurability: needsJournal('exactly-once'),
} satisfies Decisions)
