import { nowMs, sleep } from '../../core/waiting/timers.js'
import type { Assignment } from './assignment.js'
import type { AllShards } from './confirmed.js'
import type { Target } from './row-taker.js'

export interface LeavingParts {
  readonly assignment: Assignment
  readonly targets: readonly Target[]
  readonly shards: AllShards
  /** Nobody waits any more. */
  readonly signal: AbortSignal
  /** Tells the source what of it is safe. */
  readonly tell: () => Promise<void>
}

/** How often it is looked whether all is confirmed. */
const lookMs = 2

/** A partition that goes: what was taken of it is confirmed, or given up. */
export class Leaving {
  readonly #parts: LeavingParts
  readonly #ending = new AbortController()
  #deadlineMs = Infinity
  #isLost = false
  /** Resolves when it may be let go. */
  gone: Promise<void> = Promise.resolve()

  constructor(parts: LeavingParts) {
    this.#parts = parts
  }

  /** From now on there is no more time than this. */
  hasten(limitMs: number, isLost: boolean): void {
    this.#deadlineMs = Math.min(this.#deadlineMs, nowMs() + limitMs)
    this.#isLost ||= isLost
  }

  begin(): Promise<void> {
    this.gone = this.#go()
    return this.gone
  }

  /** The reading is over: what is under way goes its way. */
  end(): void {
    this.#ending.abort()
  }

  async #go(): Promise<void> {
    const { assignment, tell } = this.#parts
    await assignment.taking
    if (await this.confirmed()) {
      if (!this.#isLost) await tell()
      assignment.tellShardsNow()
      assignment.release()
    } else if (this.#isOver) assignment.release()
    else await this.#giveUp()
  }

  get #isOver(): boolean {
    return this.#parts.signal.aborted || this.#ending.signal.aborted
  }

  /** Waits until all that was taken is confirmed; whether it is. */
  async confirmed(): Promise<boolean> {
    const { assignment, targets, shards } = this.#parts
    const { confirmed } = assignment
    for (let hasHurried = false; ;) {
      for (const { ingest } of targets) ingest.flush()
      const ends = shards.ends()
      if (ends === undefined) return false
      assignment.look(ends)
      if (confirmed.isAll) return true
      const leftMs = this.#deadlineMs - nowMs()
      if (leftMs <= 0 || this.#isOver) return false
      if (!hasHurried) for (const { hurry } of targets) hurry()
      hasHurried = !hasHurried
      await sleep(Math.min(lookMs, leftMs))
    }
  }

  /** Resolves when nothing of it takes effect any more; others may read it when it has ended. */
  async #giveUp(): Promise<void> {
    const { assignment, targets } = this.#parts
    const { numbers, release } = assignment
    const given = targets.flatMap(({ settings, giveUp, offsets }, i) => {
      if (settings.delivery === 'at-most-once') return []
      const number = numbers[i] as number
      return [{ number, offsets, ...giveUp(number) }]
    })
    void Promise.all(
      given.map(async ({ number, offsets, ended }) => {
        offsets.givenUp(number, await ended, assignment.told)
      }),
    ).then(release, release)
    await Promise.all(given.map(({ stopped }) => stopped))
    // No further than it was when it was given up: what ends from then on is not done.
    if (!this.#isLost) await this.#parts.tell()
  }
}
