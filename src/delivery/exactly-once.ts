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
  refusesSink: ({ name, kind }) =>
    kind === 'transactional'
      ? `the sink ${name} is transactional, and this version can't ask such a sink for its position after a crash yet; use a rewindable or an idempotent sink, or at-least-once`
      : undefined,
} satisfies Decisions)
