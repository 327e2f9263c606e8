import { nowMs } from '../../core/waiting/timers.js'
import { outcomes } from '../../native/slots.js'
import type { Graph } from '../../pipeline/graph.js'
import type { Answers } from '../replies/answers.js'
import type { FailureDesk } from '../failures/failure-desk.js'
import type { Finished } from '../operators/finished.js'
import type { Job } from '../operators/job.js'
import type { Lane } from '../operators/lane.js'
import type { SlotReader } from '../operators/slot-reader.js'

/** How long a running message may hold up those behind it that somebody waits for. */
const asideMs = 200
/** How long it may hold up one of its own key that somebody waits for, before that is told. */
const ownKeyMs = 5000

export interface AsideParts {
  readonly lane: Lane
  readonly failures: FailureDesk
  readonly slots: SlotReader
  readonly answers: Answers
  /** Whether somebody waits for outcomes, though not for results. */
  readonly outcomesAwaited: () => boolean
}

/**
 * Messages are committed in their order, so one that runs for long holds up those behind it. Where its
 * handler waits for one of these, neither would ever end: so it is parked, as if it had failed, while
 * it runs on, and what it comes to is committed as that of a parked message is. Only where somebody
 * waits for one behind it, since parking is written down.
 */
export class Aside {
  readonly #parts: AsideParts
  #head: Job | undefined
  #firstMs = 0
  #sinceMs = 0
  #hasWarned = false

  constructor(parts: AsideParts) {
    this.#parts = parts
  }

  /** How long until the message at the front is to be set aside; Infinity where it holds up none. */
  get dueInMs(): number {
    if (this.#head === undefined) return Infinity
    return Math.max(0, asideMs - (nowMs() - this.#sinceMs))
  }

  /** Sets aside the message at the front where that is due; whether it was. */
  step(finished: Finished): boolean {
    const { lane, failures, slots } = this.#parts
    const head = lane.holder
    if (head !== this.#head) {
      this.#head = head
      this.#firstMs = nowMs()
      this.#sinceMs = this.#firstMs
    }
    if (head === undefined || nowMs() - this.#sinceMs < asideMs) return false
    // Looked at again later: somebody may wait then.
    this.#sinceMs = nowMs()
    this.#warn()
    if (!lane.holdsUp((sequence) => this.#isAwaited(sequence))) return false
    lane.setAside()
    failures.setAside(head.sequence, head.key, finished)
    slots.setOutcome(slots.slotOf(head.sequence), outcomes.parked)
    finished.count += 1
    return true
  }

  /** What these have come to is committed: those that were set aside among them may end. */
  committed(sequences: Pick<ReadonlySet<number>, 'has'>): void {
    for (const { sequence } of this.#parts.lane.admit(sequences)) {
      this.#parts.failures.beganAside(sequence)
    }
  }

  /** In one key nothing overtakes: a handler that waits for a later message there waits for itself. */
  #warn(): void {
    if (this.#hasWarned || nowMs() - this.#firstMs < ownKeyMs) return
    const { lane, outcomesAwaited } = this.#parts
    if (!outcomesAwaited() || !lane.holdsUpItsKey((sequence) => this.#isAwaited(sequence))) return
    this.#hasWarned = true
    process.emitWarning(
      `a handler has been running for ${ownKeyMs / 1000} s, and somebody waits for a message of the same key, which waits behind it; where the handler itself waits for that message, neither ends: send it with another key, or do not wait for it in there`,
      { type: 'SemelWarning', code: 'SEMEL_WAITS_FOR_ITSELF' },
    )
  }

  #isAwaited(sequence: number): boolean {
    const { answers, outcomesAwaited } = this.#parts
    return answers.wantsResult(sequence) || (outcomesAwaited() && answers.isAwaited(sequence))
  }
}

/**
 * None where nothing can be parked, and none for raw frames: such a message is a view of the ring, which
 * goes on behind what is parked.
 */
export function asideFor(graph: Graph, parts: AsideParts): Aside | undefined {
  const canPark = graph.deliver.delivery !== 'at-most-once' && graph.accepts.kind !== 'frames'
  return canPark ? new Aside(parts) : undefined
}
