import { addon, type NativeSeat } from '../../native/addon.js'
import { stalls } from '../../native/slots.js'
import type { ShardEvent } from '../failures/shard-event.js'

/** Messages that one poll brings at most. */
const pollMax = 512

export interface PollParts {
  readonly handle: number
  readonly shard: number
  readonly seat: NativeSeat
  readonly tell: (event: ShardEvent) => void
}

/** Takes messages out of the ring, and says why where it gets none although there may be some. */
export class Poll {
  readonly #parts: PollParts
  readonly #full: () => void
  /** The last sequence that was polled. */
  through: number
  isStalled = false

  /**
   * @param full as many are in flight as may be: they may be waiting for more of their batch, which
   * can't come
   */
  constructor(parts: PollParts, full: () => void) {
    this.#parts = parts
    this.#full = full
    this.through = parts.seat.firstSequence - 1
  }

  /** How many have come. */
  take(): number {
    const { handle, shard, seat, tell } = this.#parts
    const found = addon().poll(handle, shard, seat.attempt, pollMax)
    if (found === stalls.inFlight) {
      this.#full()
      return 0
    }
    if (found < 0) {
      const reason = found === stalls.parked ? 'parked' : 'ids'
      if (!this.isStalled) tell({ kind: 'stalled', shard, reason })
      this.isStalled = true
      return 0
    }
    this.isStalled = false
    this.through += found
    return found
  }
}
