import { addon, type NativeParked, type NativeSeat } from '../../native/addon.js'
import { frameTypes } from '../../native/slots.js'
import { keyed, type SlotReader } from '../operators/slot-reader.js'
import type { ParkedMessage, Parking } from './parking.js'
import { waitedMs } from './verdicts.js'

interface RestoreParts {
  readonly handle: number
  readonly shard: number
  readonly seat: NativeSeat
  readonly slots: SlotReader
}

type Stored = Pick<NativeParked, 'sequence' | 'timeMs'>

/**
 * Parks what was parked before this worker has come.
 * @returns those that may have killed a worker, by sequence
 */
export function restoreParked(
  { handle, shard, seat, slots }: RestoreParts,
  nowMs: number,
  parking: Parking,
): Map<number, ParkedMessage> {
  const alone = new Map<number, ParkedMessage>()
  const stored: Stored[] = []
  for (let after = 0; ;) {
    const entry = addon().nextParked(handle, shard, seat.attempt, after)
    if (entry === undefined) break
    const { sequence, attempts, history, timeMs, type } = entry
    after = sequence
    const isRow = type === frameTypes.malformed
    const key = keyed(isRow ? undefined : slots.keyOf(entry))
    const delayedMs = isRow ? 0 : delayedMsOf(entry, slots)
    // A wall clock that was set back before this opening holds up nothing for longer than its wait.
    const dueMs = delayedMs > 0 ? delayedMs : Math.min(entry.dueMs, nowMs + waitedMs(entry))
    const message = { sequence, attempts, history, dueMs, ...key }
    if (delayedMs > 0) parking.delay(message)
    else {
      parking.add(message)
      stored.push({ sequence, timeMs })
    }
    if (entry.alone) alone.set(sequence, message)
  }
  // Nobody knows what had been taken when they were due; what came later waited behind them, though.
  parking.join(nowMs, (dueMs) => lastBefore(stored, dueMs))
  return alone
}

/** The time that it is parked until where that is its own; 0 for one that failed, or waits behind others. */
function delayedMsOf({ attempts, dueMs, payload }: NativeParked, slots: SlotReader): number {
  if (attempts > 0 || dueMs === 0) return 0
  const ownMs = slots.dueMsOf(payload)
  // Microseconds of a time that is far away are no exact double.
  return Math.abs(ownMs - dueMs) <= 1 ? ownMs : 0
}

/** The last of these that was stored at a time; 0: none was. */
function lastBefore(stored: readonly Stored[], ms: number): number {
  let from = 0
  let to = stored.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((stored[middle] as Stored).timeMs <= ms) from = middle + 1
    else to = middle
  }
  return stored[from - 1]?.sequence ?? 0
}
