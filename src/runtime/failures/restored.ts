import { addon, type NativeParked, type NativeSeat } from '../../native/addon.js'
import { frameTypes } from '../../native/slots.js'
import { keyed, type SlotReader } from '../operators/slot-reader.js'
import type { ParkedMessage } from './parking.js'
import { waitedMs } from './verdicts.js'

/** A message that was parked before this worker has come. */
export interface Restored {
  readonly message: ParkedMessage
  /** It was sent for later, and has had no turn in the order of its key that is known. */
  readonly isDelayed: boolean
  /** It may have killed a worker. */
  readonly isAlone: boolean
}

interface RestoredParts {
  readonly handle: number
  readonly shard: number
  readonly seat: NativeSeat
  readonly slots: SlotReader
}

/** The shard's parked messages, by sequence. */
export function* restored(
  { handle, shard, seat, slots }: RestoredParts,
  nowMs: number,
): Iterable<Restored> {
  for (let after = 0; ;) {
    const entry = addon().nextParked(handle, shard, seat.attempt, after)
    if (entry === undefined) return
    after = entry.sequence
    const { sequence, attempts, history, type, alone: isAlone } = entry
    const isRow = type === frameTypes.malformed
    const key = keyed(isRow ? undefined : slots.keyOf(entry))
    const delayedMs = isRow ? 0 : delayedMsOf(entry, slots)
    const isDelayed = delayedMs > 0
    // A wall clock that was set back before this opening holds up nothing for longer than its wait.
    const dueMs = isDelayed ? delayedMs : Math.min(entry.dueMs, nowMs + waitedMs(entry))
    yield { message: { sequence, attempts, history, dueMs, ...key }, isDelayed, isAlone }
  }
}

/** The time that it is parked until where that is its own; 0 for one that failed, or waits behind others. */
function delayedMsOf({ attempts, dueMs, payload }: NativeParked, slots: SlotReader): number {
  if (attempts > 0 || dueMs === 0) return 0
  const ownMs = slots.dueMsOf(payload)
  // Microseconds of a time that is far away are no exact double.
  return Math.abs(ownMs - dueMs) <= 1 ? ownMs : 0
}
