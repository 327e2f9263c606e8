import { SemelError, toError } from '../../core/errors.js'
import type { CommitId, Output } from '../../core/transactional.js'
import { addon, type NativePrepared } from '../../native/addon.js'
import { encodeDetails } from '../../native/details.js'
import { PositionsWriter } from '../directory/positions.js'
import { ownersOf, type Finished } from '../operators/finished.js'
import { failuresOf, type CommitterParts } from './committer.js'
import { isRefusal, rejectionOf, type Rejection } from './connection.js'
import { Pause } from './pause.js'
import { sinkFailure } from './sink-failure.js'
import { untilAnswered, type SinkLink } from './sink-link.js'

/** How long to wait for room in the ack log, or among the answers. */
const roomMs = 1
/** So often, one turn of the event loop after the other, it is looked whether a group has ended; then less. */
const turnsMax = 100
/** How often in turn a sink may refuse a commit although it was asked before: somebody else asks too. */
const refusalsMax = 5

/** The connection is the link's, which has one after another. */
export interface TransactionalParts extends Omit<CommitterParts, 'connection' | 'flushes'> {
  readonly link: SinkLink
  /** As outputs know it. */
  readonly shardOfAll: number
}

/**
 * The end of the way where the sink has the last word: the block is prepared, the sink commits outputs and
 * number in one, and what it has is confirmed. One commit at a time.
 */
export class TransactionalCommitter {
  readonly #parts: TransactionalParts
  readonly #pause = new Pause()
  readonly #positions: PositionsWriter
  #through: number
  /** Nothing says yet what was confirmed last. */
  #isUnrecorded = false
  /** In turn: commits that failed, and those that were refused as not following. */
  #failures = 0
  #refusals = 0

  constructor(parts: TransactionalParts) {
    this.#parts = parts
    this.#positions = new PositionsWriter(() => addon().getFile(parts.handle, 'sources'))
    this.#through = parts.seat.firstSequence - 1
  }

  /** The last confirmed sequence. */
  get through(): number {
    return this.#through
  }

  /** Nothing: the link has begun before there was a loop. */
  async begin(): Promise<void> {}

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
    const { handle, shard, seat, answers, committed } = this.#parts
    const told = answers.encode(finished)
    while (!addon().confirm(handle, shard, seat.attempt, false, told)) await this.#pause.for(roomMs)
    this.#through += finished.count
    this.#isUnrecorded = true
    committed(finished.details)
  }

  /** Whether all of it took effect; else nothing of it is prepared, and it is to be tried again. */
  async #tryCommit(finished: Finished): Promise<boolean> {
    const prepared = await this.#prepare(finished)
    await this.#reached()
    if (prepared.n === 0) return true
    const { link } = this.#parts
    try {
      await link.connection.commit(this.#outputs(finished), {
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
      return this.#afterFailure(finished, error)
    }
  }

  async #afterFailure(finished: Finished, failure: unknown): Promise<boolean> {
    let rejection: Rejection | undefined
    try {
      rejection = wholeRejectionOf(failure, finished.outputs.length)
    } catch (error) {
      return this.#ask(error)
    }
    if (rejection === undefined) return this.#ask(failure)
    this.#discard()
    const { failures, unavailable } = failuresOf(finished, rejection)
    if (failures.size > 0) this.#parts.refused(failures, finished)
    if (unavailable !== undefined) await this.#afterSinkFailure(unavailable)
    return false
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
    if (found === 0) this.#discard()
    return found > 0
  }

  async #prepare({ count, details, outputs }: Finished): Promise<NativePrepared> {
    const { handle, shard, seat } = this.#parts
    const encoded = details.size === 0 ? undefined : encodeDetails([...details.values()])
    for (;;) {
      const prepared = addon().prepare(
        handle,
        shard,
        seat.attempt,
        count,
        outputs.length > 0,
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

  #discard(): void {
    const { handle, shard, seat } = this.#parts
    addon().discard(handle, shard, seat.attempt)
    this.#isUnrecorded = true
  }

  #id(epoch: number, n: number): CommitId {
    return { lineage: this.#parts.link.lineage, epoch, n }
  }

  #outputs(finished: Finished): Output<unknown>[] {
    const { shardOfAll: shard } = this.#parts
    const counts = new Map<number, number>()
    return finished.outputs.map((value, at) => {
      const sequence = ownersOf(finished.ownersAt(at)).at(-1) as number
      const index = counts.get(sequence) ?? 0
      counts.set(sequence, index + 1)
      return { value, origin: { shard, sequence, index } }
    })
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
