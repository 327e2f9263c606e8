import type { Key, MalformedRow, MessageContext } from '../core/message.js'
import { toError } from '../core/errors.js'
import type { SinkConnection } from '../core/sink.js'
import { addon, type NativeSeat } from '../native/addon.js'
import { actions, type Detail } from '../native/details.js'
import {
  frameTypes,
  kindInFlight,
  kindTypeMask,
  outcomes,
  slotKind,
  slotLength,
  slotOutcome,
  slotPlace,
  slotWords,
  type OutcomeNumber,
} from '../native/slots.js'
import type { Graph } from '../pipeline/graph.js'
import { Committer } from './committer.js'
import { Decoder } from './decoder.js'
import { afterFailure, deadLetter, settled, waitBehind } from './failures.js'
import { Finished } from './finished.js'
import { Collector, isPromise } from './chain.js'
import { Lane, type Job } from './lane.js'
import { keyReader, lateReader, type KeyOf, type IsLate } from './readers.js'
import { Parking, type ParkedMessage } from './parking.js'
import { Program } from './program.js'

/** Messages that one poll brings at most. */
const pollMax = 512
/** Parked messages that are tried again in one step at most. */
const retriesMax = 64

/** Something that the owner of the stream should hear of. */
export type ShardEvent =
  | {
      readonly kind: 'sink-failed'
      readonly shard: number
      readonly error: string
      readonly attempt: number
      readonly retryInMs: number
    }
  | {
      readonly kind: 'dead-letter'
      readonly shard: number
      readonly sequence: number
      readonly error: string
    }
  | { readonly kind: 'stalled'; readonly shard: number; readonly reason: 'parked' | 'ids' }

export interface ShardLoopParts {
  readonly handle: number
  readonly shard: number
  readonly graph: Graph
  readonly seat: NativeSeat
  readonly connection: SinkConnection<unknown>
  /** Whether outputs are flushed before their ack. */
  readonly flushes: boolean
  readonly tell: (event: ShardEvent) => void
  /** Something asynchronous has ended: another step may have work. */
  readonly kick: () => void
}

/**
 * One shard's way: poll → verdicts → decode → operators → finished → commit, in the order of
 * sequences. Everything runs in `step`, which never waits: what is asynchronous kicks the loop when
 * it ends.
 *
 * Messages whose operators answer at once are run in place, one after another. The first promise
 * moves the shard to its lane, where messages run side by side and are finished in order.
 */
export class ShardLoop {
  readonly #parts: ShardLoopParts
  readonly #slots: Int32Array
  readonly #mask: number
  readonly #decoder: Decoder
  readonly #program: Program
  readonly #parking = new Parking()
  readonly #committer: Committer
  readonly #lane: Lane
  readonly #keyOf: KeyOf
  readonly #isLate: IsLate | undefined
  readonly #atMostOnce: boolean
  /** The last sequence that was polled, and the last that was processed in place. */
  #polled: number
  #processed: number
  #finished = new Finished()
  #committing = false
  #failure: Error | undefined
  #stalled = false
  #nextDueMs = Infinity

  constructor(parts: ShardLoopParts) {
    const { handle, shard, graph, seat, connection, flushes } = parts
    this.#parts = parts
    this.#slots = new Int32Array(seat.slots)
    this.#mask = seat.capacity - 1
    this.#decoder = new Decoder(handle, graph, seat.ring)
    this.#keyOf = keyReader(graph)
    this.#isLate = lateReader(graph)
    this.#atMostOnce = graph.deliver.delivery === 'at-most-once'
    this.#polled = seat.firstSequence - 1
    this.#processed = this.#polled
    this.#committer = new Committer({
      handle,
      shard,
      seat,
      connection,
      flushes,
      refused: (sequence, error, finished) => this.#refused(sequence, error, finished),
      withdraw: (owners, finished) => this.#withdraw(owners, finished),
      sinkFailed: (error, attempt, retryInMs) => {
        parts.tell({ kind: 'sink-failed', shard, error: error.message, attempt, retryInMs })
      },
    })
    this.#program = new Program(graph.operators, (job) => this.#lane.release(job))
    this.#lane = new Lane(graph.concurrency, (job) => this.#runJob(job), parts.kick)
    this.#restoreParked()
  }

  /** Brings the sink to the committed place. */
  begin(): Promise<void> {
    return this.#committer.begin()
  }

  /** Whether something asynchronous is under way, which will kick. */
  get isWaiting(): boolean {
    return this.#committing || !this.#lane.isEmpty || !this.#finished.isEmpty
  }

  /** When the next parked message is due; Infinity where none is. */
  get nextDueMs(): number {
    return this.#nextDueMs
  }

  /**
   * Does what can be done now; whether there was anything.
   * @throws Error what ended the shard: a poisoned stream, a sink that is behind
   */
  step(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    const retried = this.#nextDueMs <= Date.now() && this.#retryDue()
    const polled = this.#poll()
    if (polled > 0) this.#process()
    this.#promote()
    const committed = this.#commit()
    return retried || polled > 0 || committed
  }

  /** Lets half-filled batches go: no more messages are expected for now. */
  flushBatches(): void {
    if (this.#program.flush()) this.#parts.kick()
  }

  #poll(): number {
    const { handle, shard, seat } = this.#parts
    const found = addon().poll(handle, shard, seat.attempt, pollMax)
    if (found < 0) {
      if (!this.#stalled) {
        this.#stalled = true
        this.#parts.tell({ kind: 'stalled', shard, reason: found === -1 ? 'parked' : 'ids' })
      }
      return 0
    }
    this.#stalled = false
    if (found === 0 && this.#polled - this.#committer.through >= seat.capacity - pollMax) {
      // The messages in flight are waiting for more of their batch, and there is no room for more.
      if (!this.#committing) this.flushBatches()
    }
    this.#polled += found
    return found
  }

  #process(): void {
    if (this.#program.isStaged || !this.#lane.isEmpty || this.#lane.isUsed) {
      this.#processInLane()
      return
    }
    const slots = this.#slots
    const finished = this.#finished
    const { outputs, owners } = finished
    const collector = this.#program.collector
    collector.values = outputs
    while (this.#processed < this.#polled) {
      const sequence = this.#processed + 1
      const at = (sequence & this.#mask) * slotWords
      if (slots[at + slotOutcome] === outcomes.duplicate) {
        this.#processed = sequence
        finished.count += 1
        continue
      }
      const kind = slots[at + slotKind] as number
      const mark = outputs.length
      let outcome: OutcomeNumber | undefined
      if ((kind & (kindTypeMask | kindInFlight)) !== 0 || !this.#parking.isEmpty) {
        outcome = this.#special(sequence, at, kind, finished)
        if (outcome !== undefined) {
          slots[at + slotOutcome] = outcome
          this.#processed = sequence
          finished.count += 1
          continue
        }
      }
      try {
        const place = slots[at + slotPlace] as number
        const message = this.#decoder.at(place, slots[at + slotLength] as number)
        if (
          this.#isLate !== undefined &&
          this.#isLate(message, this.#decoder.timeMs(place, kind))
        ) {
          outcome = outcomes.late
        } else {
          const pending = this.#program.run(
            message,
            this.#context(sequence, 1, place, kind, message),
            collector,
          )
          if (isPromise(pending)) {
            this.#moveToLane(sequence, at, mark, pending)
            return
          }
          outcome = outputs.length === mark ? outcomes.filtered : outcomes.processed
        }
      } catch (error) {
        outputs.length = mark
        outcome = this.#failed(sequence, 1, '', error, finished, () => this.#keyAt(at))
      }
      while (owners.length < outputs.length) owners.push(sequence)
      slots[at + slotOutcome] = outcome
      this.#processed = sequence
      finished.count += 1
    }
  }

  /** What ends a message before its operators, or undefined: it runs like any other. */
  #special(
    sequence: number,
    at: number,
    kind: number,
    finished: Finished,
  ): OutcomeNumber | undefined {
    const type = kind & kindTypeMask
    if (type === frameTypes.malformed) return this.#malformed(sequence, at, finished)
    if (!this.#parking.isEmpty) {
      const key = this.#keyAt(at)
      if (this.#parking.isBlocked(key)) return this.#park(waitBehind(sequence), key, finished)
    }
    // Its first copy came before it and has ended: processed, filtered or dead-lettered.
    if ((kind & kindInFlight) !== 0) return outcomes.duplicate
    return undefined
  }

  #malformed(sequence: number, at: number, finished: Finished): OutcomeNumber {
    if (this.#atMostOnce) return outcomes.dropped
    const row = this.#decoder.object(
      this.#slots[at + slotPlace] as number,
      this.#slots[at + slotLength] as number,
    ) as MalformedRow
    const reason = `line ${row.line}: ${row.reason}`
    finished.details.set(sequence, deadLetter(sequence, reason))
    this.#tellDeadLetter(sequence, reason)
    return outcomes.deadLettered
  }

  /** An attempt failed: the message is parked, a dead letter, or at most once gone. */
  #failed(
    sequence: number,
    attempt: number,
    history: string,
    error: unknown,
    finished: Finished,
    keyOf: () => Key | undefined,
  ): OutcomeNumber {
    if (this.#atMostOnce) return outcomes.dropped
    const detail = afterFailure(sequence, attempt, history, error, this.#parts.graph.retry)
    if (detail.action === actions.park) return this.#park(detail, keyOf(), finished)
    finished.details.set(sequence, detail)
    this.#tellDeadLetter(sequence, toError(error).message)
    return outcomes.deadLettered
  }

  #park(detail: Detail, key: Key | undefined, finished: Finished): OutcomeNumber {
    finished.details.set(detail.sequence, detail)
    this.#parking.add({ ...detail, key })
    this.#nextDueMs = Math.min(this.#nextDueMs, detail.dueMs)
    return outcomes.parked
  }

  /** The sink refuses an output of a message that had been processed. */
  #refused(sequence: number, error: Error, finished: Finished): void {
    const inFlight = sequence > this.#committer.through
    const at = (sequence & this.#mask) * slotWords
    if (inFlight) {
      this.#slots[at + slotOutcome] = this.#failed(sequence, 1, '', error, finished, () =>
        this.#keyAt(at),
      )
      return
    }
    const { handle, shard, seat } = this.#parts
    const entry = addon().nextParked(handle, shard, seat.attempt, sequence - 1)
    if (entry === undefined) return
    this.#failed(sequence, entry.attempts + 1, entry.history, error, finished, () =>
      this.#keyOf(this.#decoder.of(entry.payload)),
    )
  }

  /** Messages with outputs that must wait behind one that has been parked since: they park too. */
  #withdraw(owners: readonly number[], finished: Finished): Set<number> {
    const withdrawn = new Set<number>()
    for (const sequence of new Set(owners)) {
      if (sequence <= this.#committer.through) continue
      const at = (sequence & this.#mask) * slotWords
      const key = this.#tryKeyAt(at)
      if (!this.#parking.isBlockedBefore(key, sequence)) continue
      this.#slots[at + slotOutcome] = this.#park(waitBehind(sequence), key, finished)
      withdrawn.add(sequence)
    }
    return withdrawn
  }

  // ---- parked messages ----

  #restoreParked(): void {
    const { handle, shard, seat } = this.#parts
    let after = 0
    for (;;) {
      const entry = addon().nextParked(handle, shard, seat.attempt, after)
      if (entry === undefined) break
      after = entry.sequence
      let key: Key | undefined
      try {
        key = this.#keyOf(this.#decoder.of(entry.payload))
      } catch {
        // Without a key it holds up nothing but itself; its next attempt fails for the same reason.
      }
      this.#parking.add({ ...entry, key })
    }
    this.#nextDueMs = this.#parking.nextDueMs()
  }

  #retryDue(): boolean {
    const due = this.#parking.due(Date.now(), this.#committer.through, retriesMax)
    for (const message of due) this.#retry(message)
    this.#nextDueMs = this.#parking.nextDueMs()
    if (due.length === 0 && this.#nextDueMs <= Date.now()) {
      // Parked in this very step: it is tried once that is committed.
      this.#nextDueMs = Date.now() + 1
    }
    return due.length > 0
  }

  #retry(message: ParkedMessage): void {
    const { handle, shard, seat } = this.#parts
    const { sequence } = message
    const entry = addon().nextParked(handle, shard, seat.attempt, sequence - 1)
    this.#parking.remove(message)
    if (entry === undefined || entry.sequence !== sequence) return
    if (addon().isDuplicate(handle, shard, seat.attempt, sequence)) {
      this.#finished.details.set(sequence, settled(sequence, outcomes.duplicate))
      return
    }
    this.#lane.addRetry({
      sequence,
      attempt: entry.attempts + 1,
      history: entry.history,
      key: message.key,
      kind: entry.type,
      timeMs: entry.timeMs,
      payload: entry.payload,
    })
  }

  // ---- the lane: messages side by side ----

  #processInLane(): void {
    while (this.#processed < this.#polled) {
      const sequence = this.#processed + 1
      const at = (sequence & this.#mask) * slotWords
      this.#processed = sequence
      const kind = this.#slots[at + slotKind] as number
      if (this.#slots[at + slotOutcome] === outcomes.duplicate) {
        this.#lane.addDuplicate(sequence)
        continue
      }
      const place = this.#slots[at + slotPlace] as number
      const length = this.#slots[at + slotLength] as number
      this.#lane.add({
        sequence,
        attempt: 1,
        history: '',
        key: (kind & kindTypeMask) === frameTypes.malformed ? undefined : this.#tryKeyAt(at),
        kind,
        timeMs: this.#decoder.timeMs(place, kind),
        // The frame stays in the ring until its commit; a job may outlive it by a microtask only.
        payload: Buffer.from(this.#parts.seat.ring, place, length),
      })
    }
  }

  /** The first promise: the message goes on in the lane, with what it has put out so far. */
  #moveToLane(sequence: number, at: number, mark: number, pending: Promise<unknown>): void {
    const own = this.#program.takeCollector(mark)
    this.#processed = sequence
    this.#lane.addRunning(
      {
        sequence,
        attempt: 1,
        history: '',
        key: this.#tryKeyAt(at),
        kind: this.#slots[at + slotKind] as number,
        timeMs: 0,
        payload: undefined,
      },
      own,
      pending,
    )
    this.#processInLane()
  }

  #runJob(job: Job): void | Promise<void> {
    const inFlight = job.attempt === 1 && !job.isRetry
    const type = job.kind & kindTypeMask
    if (type === frameTypes.malformed) {
      job.end = 'malformed'
      return
    }
    if (inFlight && this.#parking.isBlocked(job.key)) {
      job.end = 'behind'
      return
    }
    if ((job.kind & kindInFlight) !== 0) {
      job.end = 'duplicate'
      return
    }
    const message = this.#decoder.of(job.payload as Buffer)
    if (this.#isLate?.(message, job.timeMs) === true) {
      job.end = 'late'
      return
    }
    const context = this.#program.usesContext
      ? this.#makeContext(job.sequence, job.attempt, job.timeMs, message)
      : noContext
    return this.#program.runJob(message, context, job)
  }

  /** Moves what has ended, in order, from the lane to the finished. */
  #promote(): void {
    if (this.#lane.isEmpty) return
    for (const job of this.#lane.takeDone()) this.#finish(job, this.#finished)
  }

  #finish(job: Job, finished: Finished): void {
    const { sequence } = job
    const at = (sequence & this.#mask) * slotWords
    let outcome: OutcomeNumber
    if (job.error !== undefined) {
      outcome = this.#failed(
        sequence,
        job.attempt,
        job.history,
        job.error.thrown,
        finished,
        () => job.key,
      )
    } else if (job.end === 'malformed') {
      outcome = job.isRetry
        ? this.#failed(
            sequence,
            job.attempt,
            job.history,
            new Error('malformed row'),
            finished,
            () => job.key,
          )
        : this.#malformed(sequence, at, finished)
    } else if (job.end === 'behind') {
      outcome = this.#park(waitBehind(sequence), job.key, finished)
    } else if (job.end === 'duplicate') {
      outcome = outcomes.duplicate
    } else if (job.end === 'late') {
      outcome = outcomes.late
    } else {
      outcome = job.isFiltered ? outcomes.filtered : outcomes.processed
      for (const value of job.out.values) {
        finished.outputs.push(value)
        finished.owners.push(sequence)
      }
    }
    if (job.isRetry) {
      if (outcome !== outcomes.parked && outcome !== outcomes.deadLettered) {
        finished.details.set(sequence, settled(sequence, outcome))
      }
      return
    }
    this.#slots[at + slotOutcome] = outcome
    finished.count += 1
  }

  // ---- commit ----

  #commit(): boolean {
    if (this.#committing || this.#finished.isEmpty) return false
    const finished = this.#finished
    this.#finished = new Finished()
    this.#program.collector = new Collector()
    // A message that the sink refused while these were processed may have parked their key.
    if (!this.#parking.isEmpty) finished.drop(this.#withdraw(finished.owners, finished))
    const pending = this.#committer.commit(finished)
    if (!isPromise(pending)) return true
    this.#committing = true
    pending.then(
      () => this.#committed(),
      (error: unknown) => {
        this.#failure = toError(error)
        this.#committed()
      },
    )
    return true
  }

  #committed(): void {
    this.#committing = false
    this.#parts.kick()
  }

  // ---- what a message tells ----

  #keyAt(at: number): Key | undefined {
    return this.#keyOf(
      this.#decoder.at(
        this.#slots[at + slotPlace] as number,
        this.#slots[at + slotLength] as number,
      ),
    )
  }

  #tryKeyAt(at: number): Key | undefined {
    try {
      return this.#keyAt(at)
    } catch {
      return undefined
    }
  }

  #context(
    sequence: number,
    attempt: number,
    place: number,
    kind: number,
    message: unknown,
  ): MessageContext {
    if (!this.#program.usesContext) return noContext
    return this.#makeContext(sequence, attempt, this.#decoder.timeMs(place, kind), message)
  }

  #makeContext(
    sequence: number,
    attempt: number,
    timeMs: number,
    message: unknown,
  ): MessageContext {
    const { id } = this.#parts.graph.deliver
    return {
      sequence,
      shard: this.#parts.shard,
      attempt,
      timeMs,
      id: typeof id === 'function' ? id(message as never) : undefined,
    }
  }

  #tellDeadLetter(sequence: number, error: string): void {
    this.#parts.tell({ kind: 'dead-letter', shard: this.#parts.shard, sequence, error })
  }
}

/** For operators that do not declare it. */
const noContext = undefined as unknown as MessageContext
