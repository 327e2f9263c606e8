import { frameTypes, kindInFlight, kindTypeMask } from '../../native/slots.js'
import type { FailureDesk } from '../failures/failure-desk.js'
import { BufferFrame } from '../message/frame.js'
import type { Pulse } from './heartbeat.js'
import type { Job } from '../operators/job.js'
import type { Program } from '../operators/program.js'
import type { SlotReader } from '../operators/slot-reader.js'

/** Begins the jobs of a lane: a message's way through the operators, or what ends it before them. */
export class JobRunner {
  readonly #slots: SlotReader
  readonly #failures: FailureDesk
  readonly #program: Program
  readonly #pulse: Pulse

  constructor(slots: SlotReader, failures: FailureDesk, program: Program, pulse: Pulse) {
    this.#slots = slots
    this.#failures = failures
    this.#program = program
    this.#pulse = pulse
  }

  run(job: Job): void | Promise<void> {
    this.#pulse.beat()
    if (job.unkeyed !== undefined) throw job.unkeyed.error
    if ((job.kind & kindTypeMask) === frameTypes.malformed) {
      job.end = 'malformed'
      return
    }
    const blocked = job.isRetry
      ? !this.#failures.isItsTurn(job.key, job.sequence)
      : this.#failures.isBlocked(job.key)
    if (blocked) {
      job.end = 'behind'
      if (!job.isRetry) this.#failures.joinLine(job.sequence, job.key)
      return
    }
    if ((job.kind & kindInFlight) !== 0) {
      job.end = 'duplicate'
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
      job.context = this.#slots.context(job.sequence, job.attempt, job.timeMs, message)
    }
    return this.#program.runJob(message, job)
  }
}
