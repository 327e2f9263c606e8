import { SemelError } from '../../core/errors.js'
import { outcomes } from '../../native/slots.js'
import type { FailureDesk } from '../failures/failure-desk.js'
import type { ShardAnswer } from '../failures/shard-event.js'
import { Unkeyed } from '../message/readers.js'
import type { Finished } from '../operators/finished.js'
import type { GivenUp, GiveUps as List } from '../operators/given-up.js'
import type { Lane } from '../operators/lane.js'
import type { Program } from '../operators/program.js'
import type { SlotReader } from '../operators/slot-reader.js'

export interface GiveUpsParts {
  readonly shard: number
  readonly givenUp: GivenUp
  readonly slots: SlotReader
  readonly failures: FailureDesk
  readonly lane: Lane
  readonly program: Program
  /** The last committed sequence. */
  readonly through: () => number
  /** The last one that was polled. */
  readonly polled: () => number
  readonly isCommitting: () => boolean
  readonly tell: (answer: ShardAnswer) => void
}

/**
 * Gives up what a shard has in flight of partitions that are somebody else's now. It takes no effect,
 * but for what is in a commit that is under way: the shard answers when that has ended.
 */
export class GiveUps {
  readonly #parts: GiveUpsParts
  /** Partitions of which the first one that was given up has been told. */
  readonly #told = new Set<number>()
  #isUncommitted = false
  #isUnanswered = false

  constructor(parts: GiveUpsParts) {
    this.#parts = parts
  }

  begin(list: List): void {
    const { givenUp, lane, program, isCommitting } = this.#parts
    givenUp.set(list)
    for (const partition of this.#told) {
      if (!list.all.some((one) => one.partition === partition)) this.#told.delete(partition)
    }
    if (!givenUp.isEmpty) {
      const isGivenUp = (sequence: number): boolean => givenUp.has(sequence)
      lane.giveUp(isGivenUp, left())
      program.giveUp(isGivenUp, left())
    }
    if (isCommitting()) this.#isUnanswered = true
    else this.#answer()
  }

  /** Before a commit: what is given up goes out of it, and what shares an output with that waits. */
  apply(finished: Finished): void {
    const { shard, givenUp, slots, failures, lane, through, tell } = this.#parts
    if (givenUp.isEmpty) return
    const out = new Set<number>()
    const end = through() + finished.count
    // What is written has had its effect, and what is before it may not stay behind.
    const first = Math.max(through(), finished.writtenThrough) + 1
    for (let sequence = first; sequence <= end; sequence++) {
      const origin = givenUp.origin(sequence)
      if (origin === undefined) continue
      const { partition, offset } = origin
      const at = slots.slotOf(sequence)
      out.add(sequence)
      slots.setOutcome(at, outcomes.givenUp)
      finished.answers.delete(sequence)
      if (finished.details.delete(sequence)) {
        const key = slots.keyAt(sequence, at)
        failures.forget(sequence, key instanceof Unkeyed ? undefined : key)
        lane.leaveAside(sequence, left())
      }
      if (this.#told.has(partition)) continue
      // Before it is committed: where the worker dies behind that, nobody else could tell.
      this.#told.add(partition)
      tell({ kind: 'given-up-from', shard, partition, offset })
    }
    if (out.size === 0) return
    this.#isUncommitted = true
    failures.withdraw(finished, out)
  }

  /** The commit that is under way writes once more what it has left. */
  again(finished: Finished): void {
    this.apply(finished)
    if (this.#isUnanswered) this.#answer()
  }

  committed(): void {
    if (this.#isUncommitted) {
      this.#isUncommitted = false
      this.#parts.givenUp.doubt(this.#parts.polled())
    }
    if (this.#isUnanswered) this.#answer()
  }

  #answer(): void {
    const { shard, givenUp, tell } = this.#parts
    this.#isUnanswered = false
    tell({ kind: 'gave-up', shard, version: givenUp.version })
  }
}

function left(): SemelError {
  return new SemelError(
    'SEMEL_GIVEN_UP',
    'the partition of this message is read by somebody else now: what its handler comes to has no effect here',
  )
}
