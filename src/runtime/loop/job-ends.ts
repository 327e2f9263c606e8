import {
  frameTypes,
  kindInFlight,
  kindTypeMask,
  outcomes,
  type OutcomeNumber,
} from '../../native/slots.js'
import type { FailureDesk } from '../failures/failure-desk.js'
import { failureOf } from '../operators/failure.js'
import { settled } from '../failures/verdicts.js'
import type { GivenUp } from '../operators/given-up.js'
import type { Finished, Owners } from '../operators/finished.js'
import type { Job } from '../operators/job.js'
import { duplicateParts, type Lane } from '../operators/lane.js'
import { Unkeyed } from '../message/readers.js'
import type { SlotReader } from '../operators/slot-reader.js'

/**
 * What messages have come to that do not just run in place: those that end before their operators, and
 * the jobs of a lane, with their outputs in the order of commits.
 */
export class JobEnds {
  readonly #slots: SlotReader
  readonly #failures: FailureDesk
  /** What batches have put out, of the jobs that are being finished. */
  readonly #batched: { value: unknown; owners: Owners; turn: number }[] = []

  readonly #givenUp: GivenUp

  constructor(slots: SlotReader, failures: FailureDesk, givenUp: GivenUp) {
    this.#slots = slots
    this.#failures = failures
    this.#givenUp = givenUp
  }

  /** What ends a message in place, before its operators; or undefined, and it runs like any other. */
  early(sequence: number, at: number, kind: number, finished: Finished): OutcomeNumber | undefined {
    if (this.#givenUp.has(sequence)) return outcomes.givenUp
    const type = kind & kindTypeMask
    if (type === frameTypes.malformed)
      return this.#failures.hopeless.malformed(sequence, at, finished)
    const dueMs = this.#slots.dueMsAt(at)
    const isAhead = this.#failures.isAhead(dueMs)
    if (isAhead || !this.#failures.isEmpty) {
      const key = this.#slots.keyAt(sequence, at)
      if (key instanceof Unkeyed) {
        const failure = failureOf(key.error)
        return this.#failures.failed(sequence, 1, '', failure, key, finished)
      }
      if (!isAhead && this.#failures.isBlocked(key, sequence))
        return this.#failures.behind(sequence, key, finished)
      if (isAhead && (kind & kindInFlight) === 0)
        return this.#failures.delayed(sequence, key, dueMs, finished)
    }
    // Its first copy came before it and has ended (processed, filtered or dead-lettered), or one of the
    // two was sent for later: then they do not wait for each other.
    if ((kind & kindInFlight) === 0) return undefined
    if (!this.#givenUp.isDoubtful(sequence)) return outcomes.duplicate
    const key = this.#slots.keyAt(sequence, at)
    return this.#failures.behind(sequence, key instanceof Unkeyed ? undefined : key, finished)
  }

  /** Gives a message in flight to the lane. */
  enter(lane: Lane, sequence: number): void {
    const at = this.#slots.slotOf(sequence)
    const outcome = this.#slots.outcome(sequence)
    if (outcome !== outcomes.processed) {
      // Polled as a copy, or as given up before a crash.
      const end = outcome === outcomes.duplicate ? 'duplicate' : 'given-up'
      lane.addEnded({ ...duplicateParts, sequence }, end)
      return
    }
    const parts = this.#slots.firstAttempt(sequence, at)
    // Before it has a turn in its key: those behind it would wait, and one that fails keep it there.
    const isMessage = (parts.kind & kindTypeMask) !== frameTypes.malformed
    const dueMs = isMessage ? this.#slots.dueMsAt(at) : 0
    if (parts.unkeyed === undefined && this.#failures.isAhead(dueMs)) {
      lane.addEnded(parts, (parts.kind & kindInFlight) === 0 ? 'delayed' : 'duplicate')
    } else {
      lane.add(parts)
    }
  }

  /** Jobs that are committed together. */
  finish(jobs: readonly Job[], finished: Finished): void {
    for (const job of jobs) this.#finish(job, finished)
    if (this.#batched.length === 0) return
    for (const { value, owners } of this.#batched.splice(0).toSorted((a, b) => a.turn - b.turn)) {
      finished.outputs.push(value)
      finished.own(owners)
    }
  }

  #finish(job: Job, finished: Finished): void {
    job.frames?.end()
    if (job.isRetry) {
      this.#finishRetry(job, finished)
      return
    }
    this.#slots.setOutcome(this.#slots.slotOf(job.sequence), this.#outcomeOf(job, finished))
    finished.count += 1
  }

  #finishRetry(job: Job, finished: Finished): void {
    const { sequence } = job
    if (job.end === 'behind') {
      this.#failures.putBack(sequence)
      return
    }
    this.#failures.retried(sequence, job.key)
    const outcome = this.#outcomeOf(job, finished)
    if (outcome !== outcomes.parked && outcome !== outcomes.deadLettered) {
      finished.details.set(sequence, settled(sequence, outcome))
    }
  }

  #outcomeOf(job: Job, finished: Finished): OutcomeNumber {
    const { sequence, attempt, history } = job
    const key = job.unkeyed ?? job.key
    if (job.end === 'given-up') return outcomes.givenUp
    if (job.error !== undefined) {
      return this.#failures.failed(sequence, attempt, history, job.error, key, finished)
    }
    switch (job.end) {
      case 'malformed': {
        if (!job.isRetry) {
          const at = this.#slots.slotOf(sequence)
          return this.#failures.hopeless.malformed(sequence, at, finished)
        }
        const failure = failureOf(new Error('a row that could not be read'))
        return this.#failures.failed(sequence, attempt, history, failure, key, finished)
      }
      case 'delayed': {
        const dueMs = this.#slots.dueMsAt(this.#slots.slotOf(sequence))
        return this.#failures.delayed(sequence, job.key, dueMs, finished)
      }
      case 'paced':
        return this.#failures.paced(job, finished)
      case 'behind':
        return this.#failures.joined(sequence, finished)
      case 'duplicate':
        return outcomes.duplicate
      case 'late':
        return outcomes.late
      case undefined:
        for (const [index, value] of job.out.values.entries()) {
          const batched = job.batched[index]
          if (batched === undefined) {
            finished.outputs.push(value)
            finished.own(sequence)
          } else this.#batched.push({ value, ...batched })
        }
        return job.isFiltered ? outcomes.filtered : outcomes.processed
      default:
        return job.end satisfies never
    }
  }
}
