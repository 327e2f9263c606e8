import type { Durability } from '../core/delivery.js'
import type { Outcome } from '../core/message.js'
import type { Stored, Told } from './ends.js'

/** Counts who waits: a program does not end under them. */
export interface Desk {
  waits(): void
  told(): void
  /** Somebody waits for what may be known already. */
  look(): void
  /** Its sender's patience is over; `errorFor` is told whether the message was taken. */
  giveUp(awaited: Awaited, errorFor: (taken: boolean) => unknown): void
}

/**
 * A message whose sender waits. What the sender is told, and when, is decided by the acknowledgment
 * mode; each of these is called by who finds it out.
 */
export abstract class Awaited implements Stored {
  shard = -1
  /** Where it waits at the door until the core takes it. */
  row = -1
  /** 0 until the core has taken it. */
  sequence = 0
  durability: Durability = 'memory'
  /** A duplicate that was not stored again: `sequence` is the newest that its shard had then. */
  isCopy = false
  /** Its sender has stopped waiting: what comes now is late. */
  gaveUp = false
  /** Ends what may end the wait early: a timer, a signal's listener. */
  release: (() => void) | undefined
  abstract readonly wants: number
  protected readonly desk: Desk

  constructor(desk: Desk) {
    this.desk = desk
    desk.waits()
  }

  /** The core has it. */
  taken(sequence: number, durability: Durability): void {
    this.sequence = sequence
    this.durability = durability
  }

  /** It has reached the stream's durability. */
  stored(): void {}

  /** An attempt failed, and there will be another: its end comes later. */
  parked(): void {}

  /** Its end is committed. */
  abstract ended(outcome: Outcome, told: Told): void

  /** It is not stored, and never will be. */
  abstract refused(error: unknown): void

  /** What becomes of it can't be told any more; once. */
  abstract lost(error: unknown): void

  /** Its sender waits no longer. */
  giveUp(error: unknown): void {
    this.gaveUp = true
    this.lost(error)
  }

  giveUpOn(errorFor: (taken: boolean) => unknown): void {
    this.desk.giveUp(this, errorFor)
  }

  /** Its sender has been told; once. */
  protected told(): void {
    this.release?.()
    this.release = undefined
    this.desk.told()
  }
}

/** How a sender is told: a promise's two ends, or one of many statuses. */
export interface Teller<T> {
  readonly resolve: (value: T) => void
  /** `isUnknown`: the message may be stored, or will be. */
  readonly reject: (error: unknown, isUnknown: boolean) => void
}
