import { SemelError, toError } from '../../core/errors.js'
import type { CommitId, Output } from '../../core/transactional.js'
import { addon, type NativePrepared } from '../../native/addon.js'
import { encodeDetails } from '../../native/details.js'
import { PositionsWriter } from '../directory/positions.js'
import { Finished } from '../operators/finished.js'
import { failuresOf, type CommitterParts } from './committer.js'
import { isMisfit, isRefusal, rejectionOf, type Rejection } from '../sinks/connection.js'
import { Pause } from './pause.js'
import type { Route, Given } from '../sinks/routes.js'
import { sinkFailure } from '../sinks/sink-failure.js'
import { untilAnswered, type SinkLink } from '../sinks/sink-link.js'
import type { SinkSet } from '../sinks/sink-set.js'

/** How long to wait for room in the ack log, or among the answers. */
const roomMs = 1
/** So often, one turn of the event loop after the other, it is looked whether a group has ended; then less. */
const turnsMax = 100
/** How often in turn a sink may refuse a commit although it was asked before: somebody else asks too. */
const refusalsMax = 5

/** The connection is the link's, which has one after another. */
export interface TransactionalParts extends Omit<CommitterParts, 'outlet'> {
  readonly link: SinkLink
  /** What the transactional sink is given, where there are others. */
  readonly route: Route | undefined
  /** The others. */
  readonly beside: SinkSet | undefined
}

/**
 * The end of the way where the sink has the last word: other sinks have their outputs, the block is
 * prepared with where they stand, the sink commits outputs and number in one, and what it has is
 * confirmed. One commit at a time.
 */
export class TransactionalCommitter {
  readonly #parts: TransactionalParts
  readonly #pause = new Pause()
  readonly #positions: PositionsWriter
  #through: number
  /** By the directory's numbers of sinks, where they stood at the last commit; −1: no place. */
  #committed: Float64Array
  /** … and stand with the one that is made. */
  #places: Float64Array
  /** Nothing says yet what was confirmed last. */
  #isUnrecorded = false
  /** In turn: commits that failed, and those that were refused as not following. */
  #failures = 0
  #refusals = 0

  constructor(parts: TransactionalParts) {
    this.#parts = parts
    this.#positions = new PositionsWriter(() => addon().getFile(parts.handle, 'sources'))
    this.#through = parts.seat.firstSequence - 1
    this.#committed = parts.seat.sinkPlaces
    this.#places = this.#committed.slice()
  }

  /** The last confirmed sequence. */
  get through(): number {
    return this.#through
  }

  /** The others are brought to what is committed; the link has begun before there was a loop. */
  async begin(): Promise<void> {
    await this.#parts.beside?.rewind(this.#places)
    await this.#commitPlaces()
  }

  stop(): void {
    this.#pause.stop()
  }

  /** There is nothing to commit for now: what is confirmed is written down; whether it was. */
  rest(): boolean {
    if (!this.#isUnrecorded) return false
    const { handle, shard, seat } = this.#parts
    this.#isUnrecorded = !addon().record(handle, shard, seat.attempt)
    return !this.#isUnrecorded
  }

  async commit(finished: Finished): Promise<void> {
    while (!(await this.#tryCommit(finished))) this.#parts.again(finished)
    await this.#confirm(this.#parts.answers.encode(finished))
    this.#through += finished.count
    this.#parts.committed(finished.details)
  }

  async #confirm(answers: Uint8Array | undefined): Promise<void> {
    const { handle, shard, seat, beside } = this.#parts
    while (!addon().confirm(handle, shard, seat.attempt, false, answers)) {
      await this.#pause.for(roomMs)
    }
    this.#isUnrecorded = true
    this.#committed = this.#places.slice()
    beside?.committed(this.#committed)
  }

  /** A torn batch can then be told from what was there before it. */
  async #commitPlaces(): Promise<void> {
    const { beside, flushes } = this.#parts
    const places = this.#places.slice()
    const why = beside?.stands(places)
    if (why !== undefined) throw why
    if (places.every((place, at) => place === this.#places[at])) return
    if (flushes) await beside?.flush?.()
    this.#places = places
    await this.#prepare(new Finished(), [])
    await this.#reached()
    await this.#confirm(undefined)
  }

  /** Whether all of it took effect; else nothing of it is prepared, and it is to be tried again. */
  async #tryCommit(finished: Finished): Promise<boolean> {
    if (!(await this.#writeBeside(finished))) return false
    const given = this.#given(finished)
    const prepared = await this.#prepare(finished, given)
    await this.#reached()
    if (prepared.n === 0) return true
    const { link } = this.#parts
    try {
      await link.connection.commit(this.#outputs(finished, given), {
        id: this.#id(prepared.epoch, prepared.n),
        parent:
          prepared.parentN === 0 ? undefined : this.#id(prepared.parentEpoch, prepared.parentN),
        through: prepared.through,
        positions: this.#positions.write(prepared.sources, prepared.filesVersion),
      })
      this.#failures = 0
      this.#refusals = 0
      return true
    } catch (error) {
      this.#pause.check()
      return this.#afterFailure(finished, given, error)
    }
  }

  /** Whether the other sinks have what they are to have. */
  async #writeBeside(finished: Finished): Promise<boolean> {
    const { beside, flushes, seat, origins } = this.#parts
    if (beside === undefined) return true
    try {
      if (beside.wasCutBack) await this.#commitPlaces()
      if (beside.takes(finished)) {
        const through = this.#through + finished.count
        await beside.write(finished, origins.position(seat.epoch, through, finished))
        this.#failures = 0
      }
    } catch (error) {
      this.#pause.check()
      await this.#afterFailedWrite(finished, error)
      return false
    }
    if (flushes) await beside.flush?.()
    return true
  }

  async #afterFailedWrite(finished: Finished, failure: unknown): Promise<void> {
    const rejection = rejectionOf(failure, finished.outputs.length)
    if (rejection !== undefined) return this.#afterRejection(finished, rejection.rejected)
    // What was committed is gone: no other attempt brings it back.
    if (isMisfit(failure)) throw failure
    await this.#afterSinkFailure(failure)
  }

  async #afterFailure(
    finished: Finished,
    given: readonly Given[] | undefined,
    failure: unknown,
  ): Promise<boolean> {
    let rejection: Rejection | undefined
    try {
      rejection = wholeRejectionOf(failure, given?.length ?? finished.outputs.length)
    } catch (error) {
      return this.#ask(error)
    }
    if (rejection === undefined) return this.#ask(failure)
    await this.#discard()
    if (given === undefined) await this.#afterRejection(finished, rejection.rejected)
    else {
      const { refused, unavailable } = (this.#parts.route as Route).refusedOf(given, rejection)
      await this.#afterRejection(finished, refused)
      if (unavailable !== undefined) await this.#afterSinkFailure(unavailable)
    }
    return false
  }

  async #afterRejection(finished: Finished, rejected: ReadonlyMap<number, unknown>): Promise<void> {
    const { failures, unavailable } = failuresOf(finished, { rejected })
    if (failures.size > 0) this.#parts.refused(failures, finished)
    if (unavailable !== undefined) await this.#afterSinkFailure(unavailable)
  }

  /** Nobody knows what became of the commit: it is not made again before the sink has said so. */
  async #ask(failure: unknown): Promise<boolean> {
    const { link, sinkFailed } = this.#parts
    this.#refusals = isRefusal(failure) ? this.#refusals + 1 : 0
    if (this.#refusals > refusalsMax) throw foughtOver(failure)
    // Somebody has begun meanwhile, perhaps a late call of one's own: that is no failure.
    if (!isRefusal(failure)) await this.#afterSinkFailure(failure)
    const found = await untilAnswered(link, sinkFailed, (ms) => this.#pause.for(ms))
    this.#pause.check()
    if (found === 0) await this.#discard()
    return found > 0
  }

  async #prepare(finished: Finished, given: readonly Given[] | undefined): Promise<NativePrepared> {
    const { handle, shard, seat, beside } = this.#parts
    const { count, details, outputs } = finished
    const hasOutputs = (given ?? outputs).length > 0
    const encoded = details.size === 0 ? undefined : encodeDetails([...details.values()])
    const why = beside?.stands(this.#places)
    if (why !== undefined) throw why
    for (;;) {
      const prepared = addon().prepare(
        handle,
        shard,
        seat.attempt,
        count,
        hasOutputs,
        this.#places,
        encoded,
      )
      if (prepared !== undefined) return prepared
      await this.#pause.for(roomMs)
    }
  }

  /** The block is as safe as the level says. */
  async #reached(): Promise<void> {
    const { handle, shard, seat } = this.#parts
    for (let looks = 0; addon().prepared(handle, shard, seat.attempt) === 0; looks++) {
      if (looks < turnsMax) await this.#pause.turn()
      else await this.#pause.for(roomMs)
    }
  }

  /** What the other sinks were given goes back as well; why one can't is told with the next write. */
  async #discard(): Promise<void> {
    const { handle, shard, seat, beside } = this.#parts
    addon().discard(handle, shard, seat.attempt)
    this.#isUnrecorded = true
    this.#places = this.#committed.slice()
    await beside?.undo().catch(() => {})
  }

  #id(epoch: number, n: number): CommitId {
    return { lineage: this.#parts.link.lineage, epoch, n }
  }

  /** Undefined where all outputs are its own. */
  #given(finished: Finished): Given[] | undefined {
    return this.#parts.route?.missingOf(finished)
  }

  #outputs(finished: Finished, given: readonly Given[] | undefined): Output<unknown>[] {
    const { origins, seat } = this.#parts
    const { originOf } = origins.position(seat.epoch, 0, finished)
    return given === undefined
      ? finished.outputs.map((value, at) => ({ value, origin: originOf(at) }))
      : given.map(({ at, output: { value } }) => ({ value, origin: originOf(at) }))
  }

  async #afterSinkFailure(failure: unknown): Promise<void> {
    this.#failures += 1
    const { error, delayMs } = sinkFailure(failure, this.#failures)
    this.#parts.sinkFailed(error, this.#failures, delayMs)
    await this.#pause.for(delayMs)
  }
}

/**
 * What a commit has refused; undefined where it is no rejection.
 * @throws SemelError `SEMEL_SINK` for one that can't be: then nobody knows what took effect
 */
function wholeRejectionOf(thrown: unknown, outputs: number): Rejection | undefined {
  const rejection = rejectionOf(thrown, outputs)
  if (rejection === undefined || rejection.written === 0) return rejection
  throw new SemelError(
    'SEMEL_SINK',
    `commit threw RejectedOutputs with ${rejection.written} written outputs; a transaction takes effect as a whole or not at all: roll it back, and leave written at 0`,
  )
}

function foughtOver(failure: unknown): SemelError {
  return new SemelError(
    'SEMEL_SINK_TAKEN',
    `the sink has refused ${refusalsMax + 1} commits in turn, each after it was asked: ${toError(failure).message}; somebody else commits to it under this pipeline's name: find who, and let one of the two go on`,
    { cause: failure },
  )
}
