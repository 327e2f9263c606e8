import { SemelError } from '../../core/errors.js'
import { isUnavailable } from '../../core/handler-errors.js'
import type { Position } from '../../core/sink.js'
import { adopted } from '../../core/thenable.js'
import { addon, type NativeSeat } from '../../native/addon.js'
import { encodeDetails } from '../../native/details.js'
import type { Answers } from '../replies/answers.js'
import type { Detail } from '../../native/details.js'
import { checkWritten, rejectionOf, type Rejection } from '../sinks/connection.js'
import { failureOf, type Failure } from '../operators/failure.js'
import { ownersOf, type Finished, type Owners } from '../operators/finished.js'
import type { Origins } from '../sinks/origins.js'
import type { Outlet } from '../sinks/outlet.js'
import { Pause } from './pause.js'
import { sinkFailure } from '../sinks/sink-failure.js'

/** How long to wait for room in the ack log: its next segment is being made. */
const ackRoomMs = 1

/** What is committed together. */
interface Ack {
  readonly count: number
  readonly details: Uint8Array | undefined
  readonly answers: Uint8Array | undefined
}

export interface CommitterParts {
  readonly handle: number
  readonly shard: number
  readonly seat: NativeSeat
  readonly outlet: Outlet
  readonly origins: Origins
  readonly answers: Answers
  /** Whether outputs are flushed before their ack. */
  readonly flushes: boolean
  /**
   * Outputs of these messages were refused: what becomes of them, and of those that have to wait
   * behind them, is told in `finished`, and their outputs go out of it.
   */
  readonly refused: (failures: ReadonlyMap<number, Failure>, finished: Finished) => void
  /** What became of these messages is committed. */
  readonly committed: (details: ReadonlyMap<number, Detail>) => void
  /** The rest of a batch is about to be written: what is given up meanwhile goes out of it. */
  readonly again: (finished: Finished) => void
  /** The sink failed as a whole and will be tried again. */
  readonly sinkFailed: (error: Error, attempt: number, delayMs: number) => void
}

/**
 * The end of the way: outputs to the sink, then the ack block, with ids, position and sink place in
 * one. One commit at a time; it is synchronous unless the sink is not.
 */
export class Committer {
  readonly #parts: CommitterParts
  #through: number
  /** By the directory's numbers of sinks, where they stood at the last commit; −1: no place. */
  readonly #places: Float64Array
  readonly #pause = new Pause()

  constructor(parts: CommitterParts) {
    this.#parts = parts
    this.#through = parts.seat.firstSequence - 1
    this.#places = parts.seat.sinkPlaces.slice()
  }

  /** The last committed sequence. */
  get through(): number {
    return this.#through
  }

  /** Brings the sink to what was committed, and commits where it then stands. */
  async begin(): Promise<void> {
    const { outlet } = this.#parts
    if (outlet.rewind === undefined) return
    await outlet.rewind(this.#places)
    await this.#commitPlaces()
  }

  /** A torn batch can then be told from what was there before it. */
  async #commitPlaces(): Promise<void> {
    const { handle, shard, outlet, flushes } = this.#parts
    const places = this.#places.slice()
    // What it would be asked for again and again is the opener's to know.
    const why = outlet.stands(places)
    if (why !== undefined) throw why
    if (places.every((place, at) => place === this.#places[at])) return
    if (flushes) await outlet.flush?.()
    await this.#acknowledge({ count: 0, details: undefined, answers: undefined })
    // Before the first output: behind it, a power loss could take the place and leave the output.
    while (!addon().acksDurable(handle, shard)) await this.#pause.for(ackRoomMs)
  }

  /** Nothing is tried again from now on. */
  stop(): void {
    this.#pause.stop()
  }

  /** There is nothing to commit for now; whether anything was left to do. */
  rest(): boolean {
    return false
  }

  commit(finished: Finished): void | Promise<void> {
    const { outlet, flushes } = this.#parts
    const isWritten = outlet.takes(finished)
    if (isWritten) {
      if (outlet.writeSome !== undefined) return this.#commitInParts(finished)
      let pending: Promise<unknown> | undefined
      try {
        pending = adopted(outlet.write(finished, this.#position(finished)))
      } catch (error) {
        return this.#writeAgain(finished, error)
      }
      if (pending !== undefined) return this.#finishWrite(finished, pending)
    }
    if (isWritten && flushes && outlet.flush !== undefined) {
      return this.#flushAndAcknowledge(finished)
    }
    const ack = this.#ackOf(finished)
    if (this.#tryAcknowledge(ack) !== true) return this.#acknowledgeAll(ack, finished)
    this.#parts.committed(finished.details)
  }

  async #finishWrite(finished: Finished, pending: Promise<unknown>): Promise<void> {
    try {
      await pending
    } catch (error) {
      return this.#writeAgain(finished, error)
    }
    return this.#flushAndAcknowledge(finished)
  }

  /** What a failed write has left to do, until all that can be written is. */
  async #writeAgain(finished: Finished, failure: unknown): Promise<void> {
    const { outlet } = this.#parts
    let failed = failure
    for (let attempt = 1; ;) {
      attempt = await this.#afterFailedWrite(finished, failed, attempt)
      this.#parts.again(finished)
      if (!outlet.takes(finished)) break
      try {
        // Taken back, they may stand behind what others have put there meanwhile.
        if (outlet.wasCutBack) await this.#commitPlaces()
        await outlet.write(finished, this.#position(finished))
        break
      } catch (error) {
        failed = error
      }
    }
    return this.#flushAndAcknowledge(finished)
  }

  /**
   * Somebody takes the outputs one by one: what has ended with those that are taken is committed, so
   * that no more than the others is given again.
   */
  async #commitInParts(finished: Finished): Promise<void> {
    const { outlet, committed } = this.#parts
    for (let attempt = 1; finished.outputs.length > 0;) {
      const { length } = finished.outputs
      let written: number
      try {
        const answer = await outlet.writeSome?.(finished, this.#position(finished))
        written = checkWritten(answer, length)
        attempt = 1
      } catch (error) {
        this.#pause.check()
        attempt = await this.#afterFailedWrite(finished, error, attempt)
        this.#parts.again(finished)
        continue
      }
      if (written === length) break
      const part = finished.splitAt(written, this.#through)
      if (part.isEmpty) continue
      if (this.#parts.flushes) await outlet.flush?.()
      await this.#acknowledge(this.#ackOf(part))
      committed(part.details)
      this.#parts.again(finished)
    }
    return this.#flushAndAcknowledge(finished)
  }

  /**
   * What was refused, and what has to wait behind that, goes out of the batch; where the sink failed as
   * a whole, it has its time.
   * @returns the number of the next attempt
   */
  async #afterFailedWrite(finished: Finished, failure: unknown, attempt: number): Promise<number> {
    let failed = failure
    let rejection: Rejection | undefined
    try {
      rejection = rejectionOf(failed, finished.outputs.length)
    } catch (error) {
      failed = error
    }
    if (rejection === undefined) {
      // What was committed is gone: no other attempt brings it back.
      if (failed instanceof SemelError && failed.code === 'SEMEL_SINK_BEHIND') throw failed
      await this.#afterSinkFailure(failed, attempt)
      return attempt + 1
    }
    const unavailable = this.#takeOut(finished, rejection)
    if (unavailable === undefined) return 1
    const own = rejection.written > 0 ? 1 : attempt
    await this.#afterSinkFailure(unavailable, own)
    return own + 1
  }

  /**
   * What is written, what was refused, and what has to wait behind that, goes out of the batch. An
   * output that was rejected as unavailable stays in it: that is the sink's failure.
   * @returns why the sink is unavailable, where it is
   */
  #takeOut(finished: Finished, rejection: Rejection): unknown {
    const { failures, unavailable } = failuresOf(finished, rejection)
    finished.dropFirst(rejection.written)
    if (failures.size > 0) this.#parts.refused(failures, finished)
    return unavailable
  }

  async #flushAndAcknowledge(finished: Finished): Promise<void> {
    if (this.#parts.flushes) await this.#parts.outlet.flush?.()
    await this.#acknowledgeAll(this.#ackOf(finished), finished)
  }

  async #acknowledgeAll(ack: Ack, { details }: Finished): Promise<void> {
    await this.#acknowledge(ack)
    this.#parts.committed(details)
  }

  async #acknowledge(ack: Ack): Promise<void> {
    for (let attempt = 1; ;) {
      const answer = this.#tryAcknowledge(ack)
      if (answer === true) return
      if (answer === false) await this.#pause.for(ackRoomMs)
      else await this.#afterSinkFailure(answer, attempt++)
    }
  }

  async #afterSinkFailure(failure: unknown, attempt: number): Promise<void> {
    const { error, delayMs } = sinkFailure(failure, attempt)
    this.#parts.sinkFailed(error, attempt, delayMs)
    await this.#pause.for(delayMs)
  }

  #ackOf(finished: Finished): Ack {
    const { count, details } = finished
    return {
      count,
      details: details.size === 0 ? undefined : encodeDetails([...details.values()]),
      answers: this.#parts.answers.encode(finished),
    }
  }

  /** False where there is no room yet; or why a sink's place can't be had. */
  #tryAcknowledge({ count, details, answers }: Ack): boolean | SemelError {
    const { handle, shard, seat, outlet } = this.#parts
    const why = outlet.stands(this.#places)
    if (why !== undefined) return why
    if (!addon().commit(handle, shard, seat.attempt, count, this.#places, details, answers)) {
      return false
    }
    this.#through += count
    outlet.committed(this.#places)
    return true
  }

  #position(finished: Finished): Position {
    const { seat, origins } = this.#parts
    return origins.position(seat.epoch, this.#through + finished.count, finished)
  }
}

/** By message, why its outputs were refused; and why the sink is unavailable, where it is. */
export function failuresOf(
  finished: Finished,
  { rejected }: Pick<Rejection, 'rejected'>,
): { failures: ReadonlyMap<number, Failure>; unavailable: unknown } {
  const failures = new Map<number, Failure>()
  let unavailable: unknown
  for (const [index, error] of rejected) {
    if (isUnavailable(error)) {
      unavailable ??= error
      continue
    }
    const owners = ownersOf(finished.owners[index] as Owners)
    for (const owner of owners) {
      if (!failures.has(owner)) failures.set(owner, failureOf(error, owners.length > 1))
    }
  }
  return { failures, unavailable }
}
