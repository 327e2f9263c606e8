import type { Key } from '../../core/message.js'
import { describeThrown } from '../../core/thrown.js'
import { addon, type NativeSeat } from '../../native/addon.js'
import { actions, type Detail } from '../../native/details.js'
import { outcomes, type OutcomeNumber } from '../../native/slots.js'
import type { Ending } from '../../reliability/retry.js'
import { hasLetterSink, type Graph } from '../../pipeline/graph.js'
import type { Answers } from '../replies/answers.js'
import { afterFailure, settled, waitBehind } from './verdicts.js'
import { failureOf, type Failure } from '../operators/failure.js'
import { ownersOf, type Finished } from '../operators/finished.js'
import type { Job, JobParts } from '../operators/job.js'
import { Hopeless } from './hopeless.js'
import { Parking, type ParkedMessage } from './parking.js'
import { restoreParked } from './restore.js'
import { Unkeyed } from '../message/readers.js'
import type { ShardEvent } from './shard-event.js'
import type { SlotReader } from '../operators/slot-reader.js'
import { Traces } from './traces.js'

export interface FailureDeskParts {
  readonly handle: number
  readonly shard: number
  readonly graph: Graph
  readonly seat: NativeSeat
  readonly slots: SlotReader
  readonly answers: Answers
  /** The last committed sequence. */
  readonly through: () => number
  /** The last sequence that was processed, or has begun to be. */
  readonly taken: () => number
  readonly tell: (event: ShardEvent) => void
}

/**
 * What becomes of messages that could not be processed: parked for their next attempt, dead letters,
 * or at most once gone. It keeps the parked ones in line by key, and gives those that are due.
 */
export class FailureDesk {
  readonly #parts: FailureDeskParts
  readonly #atMostOnce: boolean
  readonly #hasLetterSink: boolean
  readonly hopeless: Hopeless
  readonly #parking = new Parking()
  /** Ids of parked messages that are being tried or committed: their copies wait for the outcome. */
  readonly #retriedIds = new Map<string, number>()
  /** Those that may have killed a worker: each is tried with nothing beside it. */
  readonly #alone: Map<number, ParkedMessage>
  /** The one of them that is being tried or committed. */
  #loner: ParkedMessage | undefined
  /** Sequence → id of copies that wait for one of those. */
  readonly #waitingIds = new Map<number, string>()
  readonly #traces: Traces
  /** Parked, or parked anew, by a commit that has not been made yet: their next attempt waits for it. */
  readonly #uncommitted = new Set<number>()
  #nextDueMs: number

  constructor(parts: FailureDeskParts) {
    this.#parts = parts
    this.#traces = new Traces(parts)
    this.hopeless = new Hopeless(parts)
    this.#atMostOnce = parts.graph.deliver.delivery === 'at-most-once'
    this.#hasLetterSink = hasLetterSink(parts.graph)
    this.#alone = restoreParked(parts, this.#nowMs(), this.#parking)
    this.#nextDueMs = this.#parking.nextDueMs()
  }

  /** Whether nothing is parked but what was sent for later. */
  get isEmpty(): boolean {
    return this.#parking.isEmpty
  }

  /** How long until the next parked message is due: 0 where one is, Infinity where none is parked. */
  get dueInMs(): number {
    if (this.#nextDueMs === Infinity) return Infinity
    return Math.max(0, this.#nextDueMs - this.#nowMs())
  }

  /** Whether one is being tried alone. */
  get triesLoner(): boolean {
    return this.#loner !== undefined
  }

  /** Whether one is to be tried alone now, or is being tried. */
  get wantsAlone(): boolean {
    if (this.#loner !== undefined) return true
    return this.#alone.size > 0 && this.#dueAlone(this.#nowMs(), 0) !== undefined
  }

  /** Whether a message has to wait behind a parked one of its key. */
  isBlocked(key: Key | undefined, sequence: number): boolean {
    return this.#parking.isBlocked(key, sequence)
  }

  /** Whether a time has not come yet. */
  isAhead(dueMs: number): boolean {
    return dueMs > 0 && dueMs > this.#nowMs()
  }

  /** Sorts parked messages by their turns. */
  inTurn(sequence: number, other: number): number {
    return this.#parking.inTurn(sequence, other)
  }

  /** Whether a parked message that is being tried again is still the first of its key. */
  isItsTurn(key: Key | undefined, sequence: number): boolean {
    return this.#parking.isItsTurn(key, sequence)
  }

  /** Whether a message whose attempt failed is parked for another one. */
  isTriedAgain({ sequence, attempt }: Job, failure: Failure): boolean {
    return !this.#atMostOnce && !this.#endingOf(sequence, attempt, failure).isLast
  }

  #endingOf(sequence: number, attempt: number, failure: Failure): Ending {
    const { retry } = this.#parts.graph
    // Which of several is at fault shows only where each is tried alone.
    if (failure.isShared) return { isLast: attempt >= retry.attempts }
    failure.ending ??= retry.ending(attempt, failure.thrown, () => this.#traces.idOf(sequence))
    return failure.ending
  }

  // ---- what becomes of a message ----

  /** An attempt failed. */
  failed(
    sequence: number,
    attempt: number,
    history: string,
    failure: Failure,
    key: Key | Unkeyed | undefined,
    finished: Finished,
  ): OutcomeNumber {
    if (key instanceof Unkeyed)
      return this.hopeless.unkeyed(sequence, attempt, history, failure, key, finished)
    const { thrown } = failure
    if (this.#atMostOnce) {
      this.#parts.answers.dropped(sequence, thrown, finished)
      return outcomes.dropped
    }
    const detail = afterFailure(
      sequence,
      attempt,
      history,
      thrown,
      this.#parts.graph.retry,
      this.#nowMs(),
      this.#endingOf(sequence, attempt, failure),
    )
    if (detail.action === actions.park) return this.#park(detail, key, finished)
    finished.details.set(sequence, detail)
    this.hopeless.tellDeadLetter(sequence, describeThrown(thrown).message)
    return outcomes.deadLettered
  }

  /** It came too early for the rate of its key; none of its attempts has failed. */
  paced({ sequence, attempt, history, key, pausedMs }: Job, finished: Finished): OutcomeNumber {
    const dueMs = this.#nowMs() + pausedMs
    const detail = { ...waitBehind(sequence), attempts: attempt - 1, history, dueMs }
    return this.#park(detail, key, finished)
  }

  /** It was sent for later, and takes part in the order of its key from then on. */
  delayed(
    sequence: number,
    key: Key | undefined,
    dueMs: number,
    finished: Finished,
  ): OutcomeNumber {
    const detail = { ...waitBehind(sequence), dueMs }
    finished.details.set(sequence, detail)
    this.#uncommitted.add(sequence)
    this.#parking.delay({ ...detail, key, unkeyed: undefined })
    this.#nextDueMs = Math.min(this.#nextDueMs, dueMs)
    return outcomes.parked
  }

  /** An earlier message of its key is parked. */
  behind(sequence: number, key: Key | undefined, finished: Finished): OutcomeNumber {
    return this.#park(waitBehind(sequence), key, finished)
  }

  /**
   * In the lane, it takes its place behind the parked one now, so that no later message of its key
   * finds the line empty; `joined` follows when it is its turn to be committed.
   */
  joinLine(sequence: number, key: Key | undefined): void {
    this.#uncommitted.add(sequence)
    this.#parking.add({ ...waitBehind(sequence), key, unkeyed: undefined })
  }

  joined(sequence: number, finished: Finished): OutcomeNumber {
    finished.details.set(sequence, waitBehind(sequence))
    this.#nextDueMs = 0
    return outcomes.parked
  }

  /** It was to be parked, and is given up before that is committed. */
  forget(sequence: number, key: Key | undefined): void {
    this.#parking.remove(sequence, key)
    this.#uncommitted.delete(sequence)
  }

  /** The sink refuses outputs of these messages; those that have to wait behind them go out as well. */
  refused(failures: ReadonlyMap<number, Failure>, finished: Finished): void {
    for (const [sequence, failure] of failures) {
      const { attempt, history, key } = this.#traces.of(sequence)
      this.#end(sequence, this.failed(sequence, attempt, history, failure, key, finished))
    }
    this.withdraw(finished, new Set(failures.keys()))
  }

  /**
   * Takes the outputs of these messages out, and of those that wait because of them: later ones of
   * their keys, and those that have a part in one of the outputs.
   */
  withdraw(finished: Finished, out = new Set<number>()): void {
    for (let grown = true; grown;) {
      grown = false
      for (const owners of finished.owners) {
        const all = ownersOf(owners)
        if (!all.some((one) => out.has(one) || this.#isOvertaking(one))) continue
        for (const sequence of all) {
          if (out.has(sequence)) continue
          out.add(sequence)
          this.#end(sequence, this.#postpone(sequence, finished))
          grown = true
        }
      }
    }
    finished.drop(out)
  }

  /** A message is parked while it runs on; `beganAside` follows when that is committed. */
  setAside(sequence: number, key: Key | undefined, finished: Finished): void {
    this.#park(waitBehind(sequence), key, finished)
    this.#parking.begin(sequence)
  }

  /** From now on it is one that is being tried again. */
  beganAside(sequence: number): void {
    const { handle, shard, seat } = this.#parts
    const { id } = this.#traces.entry(sequence)
    if (id !== undefined) this.#retriedIds.set(id, sequence)
    addon().tryParked(handle, shard, seat.attempt, sequence, true)
    this.#nextDueMs = this.#parking.nextDueMs()
  }

  // ---- parked messages that are tried again ----

  /** Begins what is due with `retry`, or settles it as a duplicate; whether there was anything. */
  retryDue(finished: Finished, retry: (parts: JobParts) => void): boolean {
    const most = this.#parking.roomToTry(this.#parts.graph.concurrency)
    this.#parking.join(this.#nowMs(), this.#parts.taken)
    const due = this.#parking.due(this.#nowMs(), this.#uncommitted, most, this.#alone)
    // Keys whose next one waits for the outcome of its copy: those behind it would be put back.
    const held = new Set<Key | undefined>()
    let begun = 0
    for (const message of due) {
      if (message.key !== undefined && held.has(message.key)) continue
      if (this.#begin(message, finished, retry)) begun += 1
      else held.add(message.key)
    }
    this.#nextDueMs = this.#parking.nextDueMs()
    if (begun === 0 && this.dueInMs === 0) {
      // Parked in this very step, or a copy of one that is being tried: it waits for that commit.
      this.#nextDueMs = this.#nowMs() + 1
    }
    return begun > 0
  }

  /** Begins the one that is to be tried with nothing beside it; `first` before the others. */
  retryAlone(first: number, finished: Finished, retry: (parts: JobParts) => void): boolean {
    const message = this.#dueAlone(this.#nowMs(), first)
    if (message === undefined || !this.#begin(message, finished, retry)) return false
    this.#alone.delete(message.sequence)
    this.#loner = message
    this.#nextDueMs = this.#parking.nextDueMs()
    return true
  }

  /** It was not tried after all: the one in front of it failed meanwhile. */
  putBack(sequence: number): void {
    const { handle, shard, seat } = this.#parts
    addon().tryParked(handle, shard, seat.attempt, sequence, false)
    this.#parking.putBack(sequence)
    if (this.#loner?.sequence === sequence) this.#alone.set(sequence, this.#loner)
    this.#nextDueMs = 0
    this.#freeIds(new Set([sequence]))
  }

  /** A retry has ended; where it failed, it is parked anew. */
  retried(sequence: number, key: Key | undefined): void {
    this.#parking.remove(sequence, key)
  }

  /** What became of these is committed: they may be tried again, and copies of them have theirs. */
  committed(sequences: Pick<ReadonlySet<number>, 'has'>): void {
    if (this.#loner !== undefined && sequences.has(this.#loner.sequence)) this.#loner = undefined
    this.#traces.committed()
    this.#parking.committed(sequences)
    for (const sequence of this.#uncommitted) {
      if (sequences.has(sequence)) this.#uncommitted.delete(sequence)
    }
    this.#freeIds(sequences)
  }

  #freeIds(sequences: Pick<ReadonlySet<number>, 'has'>): void {
    for (const [id, sequence] of this.#retriedIds) {
      if (sequences.has(sequence)) this.#retriedIds.delete(id)
    }
  }

  #begin(message: ParkedMessage, finished: Finished, retry: (parts: JobParts) => void): boolean {
    const { handle, shard, seat } = this.#parts
    const { sequence, key, unkeyed } = message
    const waitsFor = this.#waitingIds.get(sequence)
    if (waitsFor !== undefined && this.#retriedIds.has(waitsFor)) return false
    this.#waitingIds.delete(sequence)
    const entry = this.#traces.entry(sequence)
    if (entry.id !== undefined) {
      if (this.#retriedIds.has(entry.id)) {
        this.#waitingIds.set(sequence, entry.id)
        return false
      }
      if (addon().isDuplicate(handle, shard, seat.attempt, sequence)) {
        this.#parking.remove(sequence, key)
        finished.details.set(sequence, settled(sequence, outcomes.duplicate))
        return true
      }
    }
    if (this.#hasLetterSink && entry.attempts >= this.#parts.graph.retry.attempts) {
      this.#parking.remove(sequence, key)
      this.hopeless.spent(entry, finished)
      return true
    }
    if (entry.id !== undefined) this.#retriedIds.set(entry.id, sequence)
    addon().tryParked(handle, shard, seat.attempt, sequence, true)
    this.#parking.begin(sequence)
    retry({
      sequence,
      attempt: entry.attempts + 1,
      history: entry.history,
      key,
      unkeyed,
      kind: entry.type,
      timeMs: entry.timeMs,
      payload: entry.payload,
    })
    return true
  }

  #dueAlone(nowMs: number, first: number): ParkedMessage | undefined {
    const isDue = (message: ParkedMessage): boolean =>
      message.dueMs <= nowMs &&
      !this.#uncommitted.has(message.sequence) &&
      this.#parking.isFirst(message)
    const accused = this.#alone.get(first)
    if (accused !== undefined && isDue(accused)) return accused
    for (const message of this.#alone.values()) if (isDue(message)) return message
    return undefined
  }

  #park(detail: Detail, key: Key | undefined, finished: Finished): OutcomeNumber {
    finished.details.set(detail.sequence, detail)
    this.#uncommitted.add(detail.sequence)
    this.#parking.add({ ...detail, key, unkeyed: undefined })
    this.#nextDueMs = Math.min(this.#nextDueMs, detail.dueMs)
    return outcomes.parked
  }

  #isOvertaking(sequence: number): boolean {
    if (this.#parking.isEmpty) return false
    const key = this.#traces.keyOf(sequence)
    return key instanceof Unkeyed || this.#parking.isBlocked(key, sequence)
  }

  /** A message that was processed has to be processed again, in its turn. */
  #postpone(sequence: number, finished: Finished): OutcomeNumber {
    if (this.#atMostOnce) return outcomes.dropped
    const { attempt, history, key } = this.#traces.of(sequence)
    if (key instanceof Unkeyed) {
      const failure = failureOf(key.error)
      return this.hopeless.unkeyed(sequence, attempt, history, failure, key, finished)
    }
    return this.#park({ ...waitBehind(sequence), attempts: attempt - 1, history }, key, finished)
  }

  /** The outcome of a message in flight goes into its slot; a parked one's is in the details. */
  #end(sequence: number, outcome: OutcomeNumber): void {
    const { slots, through } = this.#parts
    if (sequence > through()) slots.setOutcome(slots.slotOf(sequence), outcome)
  }

  /** The stream's clock: due times are kept over openings, so no wall clock that jumps may decide them. */
  #nowMs(): number {
    return addon().clockMs(this.#parts.handle)
  }
}
