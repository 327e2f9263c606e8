import { frameTypes, kindInFlight, kindTypeMask } from '../../native/slots.js'
import type { FailureDesk } from '../failures/failure-desk.js'
import { BufferFrame } from '../message/frame.js'
import type { Pulse } from './heartbeat.js'
import type { GivenUp } from '../operators/given-up.js'
import type { Job } from '../operators/job.js'
import type { Limiter } from '../operators/limiter.js'
import type { Outage } from '../operators/outage.js'
import type { Program } from '../operators/program.js'
import type { SlotReader } from '../operators/slot-reader.js'

export interface JobRunnerParts {
  readonly pulse: Pulse
  /** Undefined where attempts may begin at any rate. */
  readonly limiter: Limiter | undefined
  readonly givenUp: GivenUp
}

/** Begins the jobs of a lane: a message's way through the operators, or what ends it before them. */
export class JobRunner {
  readonly #slots: SlotReader
  readonly #failures: FailureDesk
  readonly #program: Program
  readonly #pulse: Pulse
  readonly #outage: Outage
  readonly #limiter: Limiter | undefined
  readonly #givenUp: GivenUp

  constructor(
    slots: SlotReader,
    failures: FailureDesk,
    program: Program,
    outage: Outage,
    { pulse, limiter, givenUp }: JobRunnerParts,
  ) {
    this.#slots = slots
    this.#failures = failures
    this.#program = program
    this.#outage = outage
    this.#pulse = pulse
    this.#limiter = limiter
    this.#givenUp = givenUp
  }

  run(job: Job): void | Promise<void> {
    this.#pulse.beat()
    if (!job.isRetry && this.#givenUp.has(job.sequence)) {
      job.end = 'given-up'
      return
    }
    if (job.unkeyed !== undefined) throw job.unkeyed.error
    if ((job.kind & kindTypeMask) === frameTypes.malformed) {
      job.end = 'malformed'
      return
    }
    const blocked = job.isRetry
      ? !this.#failures.isItsTurn(job.key, job.sequence)
      : this.#failures.isBlocked(job.key, job.sequence)
    if (blocked) {
      job.end = 'behind'
      if (!job.isRetry) this.#failures.joinLine(job.sequence, job.key)
      return
    }
    if ((job.kind & kindInFlight) !== 0) {
      // Where there may be none that it is a copy of, that is asked when the other has its outcome.
      const isDoubtful = !job.isRetry && this.#givenUp.isDoubtful(job.sequence)
      job.end = isDoubtful ? 'behind' : 'duplicate'
      if (isDoubtful) this.#failures.joinLine(job.sequence, job.key)
      return
    }
    const { decoder, isLate } = this.#slots
    const message = decoder.of(job.payload as Buffer)
    if (message instanceof BufferFrame) job.frames = message.outlive()
    if (isLate?.(message, job.timeMs) === true) {
      job.end = 'late'
      return
    }
    if (this.#program.usesContext) {
      job.context = this.#slots.context(job, message, job.payload)
    }
    if (this.#limiter === undefined) return this.#program.runJob(message, job)
    job.pausedMs = this.#limiter.earlyMs(job.key)
    if (job.pausedMs > 0) {
      job.end = 'paced'
      return
    }
    const turn = this.#limiter.turn()
    return turn === undefined
      ? this.#program.runJob(message, job)
      : this.#runLater(message, job, turn)
  }

  /** An outage that has come meanwhile is waited for as well. */
  async #runLater(message: unknown, job: Job, turn: Promise<void>): Promise<void> {
    await turn
    if (this.#outage.isHeld && this.#outage.trying !== job.sequence) {
      await new Promise<void>((go) => {
        this.#outage.joins(job.sequence, go)
      })
    }
    if (job.isLeft) return
    this.#pulse.beat()
    return this.#program.runJob(message, job)
  }
}
