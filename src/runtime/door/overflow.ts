import { SemelError } from '../../core/errors.js'
import type { Key } from '../../core/message.js'
import type { Overflow } from '../../core/overflow.js'
import type { Staging } from './staging.js'

/** Messages that an at-most-once stream has dropped at its door, by why; none of them was stored. */
export interface OverflowCounters {
  /** It came when there was no room: `drop-newest`. */
  newest: number
  /** A newer one came, and it had waited longest: `drop-oldest`. */
  oldest: number
  /** A newer one of its key came: `conflate`. */
  conflated: number
}

/** Under `drop-newest` the ring is asked for room again with every so many messages. */
const askedEvery = 64

/** Keys that may wait at a time where each keeps its newest message. */
export const conflatedKeysMax = 65_536

/**
 * What becomes of messages while the ring is full, under at-most-once. What is in the ring has been
 * handed over and stays; the policy rules over the staging buffer in front of it, which is a waiting
 * room then.
 */
export class OverflowPolicy {
  readonly counters: OverflowCounters = { newest: 0, oldest: 0, conflated: 0 }
  readonly #policy: Overflow
  readonly #staging: Staging
  /** The sender of a row that will not be sent is told. */
  readonly #refuse: (row: number, error: SemelError) => void
  /** How many more are dropped before the ring is looked at again. */
  #unasked = 0
  /** Of the messages that came since the ring was full: where the newest of each key is. */
  readonly #rows = new Map<Key, number>()

  constructor(
    policy: Overflow,
    staging: Staging,
    refuse: (row: number, error: SemelError) => void,
  ) {
    this.#policy = policy
    this.#staging = staging
    this.#refuse = refuse
  }

  /** Whether the message that is coming is dropped without asking the ring, which had no room just now. */
  dropsUnasked(): boolean {
    if (this.#unasked === 0) return false
    this.#unasked -= 1
    this.counters.newest += 1
    return true
  }

  /**
   * There is no room: makes some, or drops the message that is coming.
   * @param key that message's, where messages of a key take each other's place
   */
  makeRoom(key: Key | undefined): 'room' | 'dropped' | 'none' {
    const staging = this.#staging
    switch (this.#policy) {
      case 'wait':
        return 'none'
      case 'drop-newest':
        this.counters.newest += 1
        this.#unasked = askedEvery - 1
        return 'dropped'
      case 'drop-oldest': {
        // A quarter of them: to move the others up is worth it then.
        const first = staging.firstWaiting
        const end = first + Math.ceil((staging.nextRow - first) / 4)
        for (let row = first; row < end; row++) this.#dropOldest(row)
        staging.compact()
        return 'room'
      }
      case 'conflate':
        staging.makeBytes()
        if (!staging.hasNoRows || this.#waits(key as Key)) return 'room'
        if (staging.hasTakenRows) staging.compact()
        return staging.hasNoRows ? 'none' : 'room'
      default:
        return this.#policy satisfies never
    }
  }

  /**
   * A row was written for a message of this key while others wait.
   * @returns where it is now
   */
  written(key: Key): number {
    const staging = this.#staging
    if (!this.#waits(key)) {
      this.#rows.set(key, staging.nextRow - 1)
      return staging.nextRow - 1
    }
    const earlier = this.#rows.get(key) as number
    this.#refuse(earlier, dropped('a newer one of its key came while there was no room'))
    this.counters.conflated += 1
    staging.moveLastTo(earlier)
    return earlier
  }

  /** Nothing waits any more. */
  ended(): void {
    this.#unasked = 0
    if (this.#rows.size > 0) this.#rows.clear()
  }

  /** Whether a message of the key can be replaced. */
  #waits(key: Key): boolean {
    return (this.#rows.get(key) ?? -1) >= this.#staging.firstWaiting
  }

  #dropOldest(row: number): void {
    this.#refuse(row, dropped('newer ones came while there was no room'))
    this.counters.oldest += 1
    this.#staging.dropFirst()
  }
}

export function dropped(why: string): SemelError {
  return new SemelError(
    'SEMEL_DROPPED',
    `the message was dropped at the door, as the pipeline's overflow says: ${why}`,
    { retriable: true },
  )
}
