import type { Key, MalformedRow, MessageContext } from '../core/message.js'
import { toError } from '../core/errors.js'
import type { SinkConnection } from '../core/sink.js'
import { addon, type NativeParked, type NativeSeat } from '../native/addon.js'
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
  stalls,
  type OutcomeNumber,
} from '../native/slots.js'
import type { Graph } from '../pipeline/graph.js'
import { Committer } from './committer.js'
import { Decoder } from './decoder.js'
import { afterFailure, deadLetter, settled, waitBehind } from './failures.js'
import { Finished, ownersOf } from './finished.js'
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
  /** Ids of parked messages that are being tried or committed: their copies wait for the outcome. */
  readonly #retriedIds = new Map<string, number>()
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
      refused: (errors, finished) => this.#refused(errors, finished),
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

  /** Whether it takes no messages although there may be some. */
  get isStalled(): boolean {
    return this.#stalled
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

  /** Nothing is committed from now on; what is in flight is left to the next opening. */
  stop(): void {
    this.#committer.stop()
  }

  #poll(): number {
    const { handle, shard, seat } = this.#parts
    const found = addon().poll(handle, shard, seat.attempt, pollMax)
    if (found === stalls.inFlight) {
      // They may be waiting for more of their batch, which can't come.
      if (!this.#committing) this.flushBatches()
      return 0
    }
    if (found < 0) {
      if (!this.#stalled) {
        this.#stalled = true
        this.#parts.tell({
          kind: 'stalled',
          shard,
          reason: found === stalls.parked ? 'parked' : 'ids',
        })
      }
      return 0
    }
    this.#stalled = false
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
    const { outputs } = finished
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
        outcome = this.#failedAt(at, sequence, error, finished)
      }
      finished.own(sequence)
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
      const key = this.#tryKeyAt(at)
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

  /** Out of the loop: a closure in it would cost every message an allocation. */
  #failedAt(at: number, sequence: number, error: unknown, finished: Finished): OutcomeNumber {
    return this.#failed(sequence, 1, '', error, finished, () => this.#tryKeyAt(at))
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

  /** The sink refuses outputs of these messages; those that have to wait behind them go out as well. */
  #refused(errors: ReadonlyMap<number, Error>, finished: Finished): void {
    for (const [sequence, error] of errors) {
      const { attempt, history, key } = this.#trace(sequence)
      const outcome = this.#failed(sequence, attempt, history, error, finished, () => key)
      this.#end(sequence, outcome)
    }
    this.#withdraw(finished, new Set(errors.keys()))
  }

  /**
   * Takes the outputs of these messages out, and of those that wait because of them: later ones of
   * their keys, and those that have a part in one of the outputs.
   */
  #withdraw(finished: Finished, out = new Set<number>()): void {
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

  #isOvertaking(sequence: number): boolean {
    if (this.#parking.isEmpty) return false
    return this.#parking.isBlockedBefore(this.#trace(sequence).key, sequence)
  }

  /** A message that was processed has to be processed again, in its turn. */
  #postpone(sequence: number, finished: Finished): OutcomeNumber {
    if (this.#atMostOnce) return outcomes.dropped
    const { attempt, history, key } = this.#trace(sequence)
    return this.#park({ ...waitBehind(sequence), attempts: attempt - 1, history }, key, finished)
  }

  /** What is known of a message that has been processed and is not committed. */
  #trace(sequence: number): { attempt: number; history: string; key: Key | undefined } {
    if (sequence > this.#committer.through) {
      return { attempt: 1, history: '', key: this.#tryKeyAt((sequence & this.#mask) * slotWords) }
    }
    const { attempts, history, payload } = this.#entry(sequence)
    return { attempt: attempts + 1, history, key: this.#tryKeyOf(payload) }
  }

  /** The outcome of a message in flight goes into its slot; a parked one's is in the details. */
  #end(sequence: number, outcome: OutcomeNumber): void {
    if (sequence <= this.#committer.through) return
    this.#slots[(sequence & this.#mask) * slotWords + slotOutcome] = outcome
  }

  // ---- parked messages ----

  #restoreParked(): void {
    const { handle, shard, seat } = this.#parts
    let after = 0
    for (;;) {
      const entry = addon().nextParked(handle, shard, seat.attempt, after)
      if (entry === undefined) break
      after = entry.sequence
      this.#parking.add({ ...entry, key: this.#tryKeyOf(entry.payload) })
    }
    this.#nextDueMs = this.#parking.nextDueMs()
  }

  #entry(sequence: number): NativeParked {
    const { handle, shard, seat } = this.#parts
    const entry = addon().nextParked(handle, shard, seat.attempt, sequence - 1)
    if (entry?.sequence !== sequence) throw new Error(`message ${sequence} is not parked`)
    return entry
  }

  #retryDue(): boolean {
    const due = this.#parking.due(Date.now(), this.#committer.through, retriesMax)
    let begun = 0
    for (const message of due) if (this.#retry(message)) begun += 1
    this.#nextDueMs = this.#parking.nextDueMs()
    if (begun === 0 && this.#nextDueMs <= Date.now()) {
      // Parked in this very step, or a copy of one that is being tried: it waits for that commit.
      this.#nextDueMs = Date.now() + 1
    }
    return begun > 0
  }

  /** Tries a parked message again; false where a copy of it must have its outcome first. */
  #retry(message: ParkedMessage): boolean {
    const { handle, shard, seat } = this.#parts
    const { sequence, key } = message
    const entry = this.#entry(sequence)
    if (entry.id !== undefined) {
      if (this.#retriedIds.has(entry.id)) return false
      if (addon().isDuplicate(handle, shard, seat.attempt, sequence)) {
        this.#parking.remove(sequence, key)
        this.#finished.details.set(sequence, settled(sequence, outcomes.duplicate))
        return true
      }
      this.#retriedIds.set(entry.id, sequence)
    }
    this.#parking.begin(sequence)
    this.#lane.addRetry({
      sequence,
      attempt: entry.attempts + 1,
      history: entry.history,
      key,
      kind: entry.type,
      timeMs: entry.timeMs,
      payload: entry.payload,
    })
    return true
  }

  /** Their outcomes are committed: copies of them may have theirs. */
  #forgetRetried(sequences: Pick<ReadonlySet<number>, 'has'>): void {
    for (const [id, sequence] of this.#retriedIds) {
      if (sequences.has(sequence)) this.#retriedIds.delete(id)
    }
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
    const blocked = inFlight
      ? this.#parking.isBlocked(job.key)
      : !this.#parking.isItsTurn(job.key, job.sequence)
    if (blocked) {
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
    while (!this.#lane.isEmpty) {
      const done = this.#lane.takeDone()
      if (done.length === 0) return
      for (const job of done) this.#finish(job, this.#finished)
      this.#lane.settled(done)
    }
  }

  #finish(job: Job, finished: Finished): void {
    const { sequence } = job
    const at = (sequence & this.#mask) * slotWords
    let outcome: OutcomeNumber
    if (job.isRetry) {
      if (job.end === 'behind') {
        // It was not tried: the one in front of it failed meanwhile.
        this.#parking.putBack(sequence)
        this.#nextDueMs = 0
        this.#forgetRetried(new Set([sequence]))
        return
      }
      this.#parking.remove(sequence, job.key)
    }
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
      for (const [index, value] of job.out.values.entries()) {
        finished.outputs.push(value)
        finished.own(job.owners[index] ?? sequence)
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
    if (!this.#parking.isEmpty) this.#withdraw(finished)
    const pending = this.#committer.commit(finished)
    if (!isPromise(pending)) {
      this.#forgetRetried(finished.details)
      return true
    }
    this.#committing = true
    pending.then(
      () => {
        this.#forgetRetried(finished.details)
        this.#committed()
      },
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

  /** Without a key a message holds up nothing but itself; its operators fail for the same reason. */
  #tryKeyAt(at: number): Key | undefined {
    try {
      return this.#keyAt(at)
    } catch {
      return undefined
    }
  }

  #tryKeyOf(payload: Buffer): Key | undefined {
    try {
      return this.#keyOf(this.#decoder.of(payload))
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
