import type { Outcome } from '../core/message.js'

/** How a message ended, as the native core numbers it (native/shard/outcome.h). */
export const outcomes = {
  processed: 0,
  filtered: 1,
  duplicate: 2,
  late: 3,
  deadLettered: 4,
  parked: 5,
  dropped: 6,
  /** Its partition is another reader's now: counted as dropped, and as if it had never been read. */
  givenUp: 7,
} as const

/** By number. A parked message has no end yet. */
export const outcomeNames: readonly (Outcome | 'parked')[] = [
  'processed',
  'filtered',
  'duplicate',
  'late',
  'dead-lettered',
  'parked',
  'dropped',
]

export type OutcomeNumber = (typeof outcomes)[keyof typeof outcomes]

/** Why a poll brought no messages (native/shard/consumer.h). */
export const stalls = { parked: -1, ids: -2, inFlight: -3 } as const

/** What a frame holds (native/ring/frame.h). */
export const frameTypes = { message: 0, retry: 1, malformed: 2 } as const

/** A slot's words (native/shard/outcome.h). */
export const slotWords = 4
export const slotOffset = 0
export const slotLength = 1
export const slotKind = 2
export const slotOutcome = 3

/** Parts of a slot's kind: the frame's type, whether its id is in flight, its header's length. */
export const kindTypeMask = 0xff
export const kindInFlight = 0x100
export const kindHeaderShift = 16
