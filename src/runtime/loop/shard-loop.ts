import { ClosedError, toError } from '../../core/errors.js'
import {
  kindInFlight,
  kindTypeMask,
  outcomes,
  slotKind,
  slotLength,
  slotOutcome,
  slotOffset,
  type OutcomeNumber,
} from '../../native/slots.js'
import { Answers } from '../replies/answers.js'
import { isPlain } from '../../pipeline/graph.js'
import { asideFor, type Aside } from './aside.js'
import { Collector, isPromise } from '../operators/chain.js'
import { noContext, Signals, type AttemptContext } from '../operators/context.js'
import { failureOf } from '../operators/failure.js'
import { committerOf, type AnyCommitter } from './any-committer.js'
import { FailureDesk } from '../failures/failure-desk.js'
import { Finished } from '../operators/finished.js'
import { GivenUp, type GiveUps as GiveUpList } from '../operators/given-up.js'
import { BufferFrame } from '../message/frame.js'
import { GiveUps } from './give-ups.js'
import { Poll } from './poll.js'
import type { ShardLoopParts } from './shard-loop-parts.js'
import { JobEnds } from './job-ends.js'
import { JobRunner } from './job-runner.js'
import type { JobParts } from '../operators/job.js'
import { Lane } from '../operators/lane.js'
import { Outage } from '../operators/outage.js'
import { Program } from '../operators/program.js'
import { SlotReader } from '../operators/slot-reader.js'

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
  readonly #slots: SlotReader
  readonly #program: Program
  readonly #lane: Lane
  readonly #failures: FailureDesk
  readonly #ends: JobEnds
  readonly #committer: AnyCommitter
  readonly #answers: Answers
  readonly #signals = new Signals()
  readonly #outage: Outage
  readonly #aside: Aside | undefined
  readonly #poll: Poll
  readonly #givenUp: GivenUp
  readonly #giveUps: GiveUps
  /** The last sequence that was processed or given to the lane. */
  #processed: number
  #finished = new Finished()
  #committing = false
  #failure: Error | undefined
  /** The message to try before any other; 0: none. */
  #accused: number

  constructor(parts: ShardLoopParts) {
    const { handle, shard, graph, seat, tell } = parts
    this.#parts = parts
    this.#slots = new SlotReader({ ...parts, signals: this.#signals })
    this.#poll = new Poll(parts, () => this.#committing || this.flushBatches())
    this.#processed = this.#poll.through
    this.#accused = seat.accused
    this.#answers = new Answers(seat, this.#slots)
    this.#committer = committerOf(parts, this.#slots, {
      answers: this.#answers,
      refused: (failures, finished) => this.#failures.refused(failures, finished),
      committed: (details) => {
        this.#failures.committed(details)
        this.#aside?.committed(details)
      },
      again: (finished) => this.#giveUps.again(finished),
      sinkFailed: (error, attempt, retryInMs) =>
        tell({ kind: 'sink-failed', shard, error: error.message, attempt, retryInMs }),
    })
    this.#failures = new FailureDesk({
      handle,
      shard,
      graph,
      seat,
      tell,
      slots: this.#slots,
      answers: this.#answers,
      through: () => this.#committer.through,
      taken: () => this.#processed,
    })
    this.#outage = new Outage({
      tell: (event) => tell({ kind: 'unavailable', shard, ...event }),
      over: () => this.#lane.resume(),
    })
    this.#program = new Program({
      operators: graph.operators,
      to: isPlain(graph) ? undefined : graph.to,
      timeoutMs: graph.timeoutMs,
      release: (job) => this.#lane.release(job),
      outage: this.#outage,
    })
    const givenUp = (this.#givenUp = new GivenUp(this.#slots, seat, shard))
    this.#ends = new JobEnds(this.#slots, this.#failures, givenUp)
    const jobs = new JobRunner(this.#slots, this.#failures, this.#program, this.#outage, {
      ...parts,
      givenUp,
    })
    this.#lane = new Lane({
      concurrency: graph.concurrency,
      run: (job) => jobs.run(job),
      isTriedAgain: (job, failure) => this.#failures.isTriedAgain(job, failure),
      joinLine: ({ sequence, key }) => this.#failures.joinLine(sequence, key),
      inTurn: (sequence, other) => this.#failures.inTurn(sequence, other),
      kick: parts.kick,
      outage: this.#outage,
    })
    this.#giveUps = new GiveUps({
      shard,
      givenUp,
      slots: this.#slots,
      failures: this.#failures,
      lane: this.#lane,
      program: this.#program,
      through: () => this.#committer.through,
      polled: () => this.#poll.through,
      isCommitting: () => this.#committing,
      tell: parts.answer,
    })
    this.#aside = asideFor(graph, {
      lane: this.#lane,
      failures: this.#failures,
      slots: this.#slots,
      answers: this.#answers,
      outcomesAwaited: parts.outcomesAwaited ?? (() => false),
    })
  }

  /** Brings the sink to the committed place. */
  begin(): Promise<void> {
    return this.#committer.begin()
  }

  /** Whether something asynchronous is under way, which will kick. */
  get isWaiting(): boolean {
    return this.#committing || !this.#lane.isEmpty || !this.#finished.isEmpty
  }

  /** Whether it has messages that may have killed a worker, and could try one or a few now. */
  get wantsAlone(): boolean {
    return this.#isNarrowing || this.#failures.wantsAlone
  }

  /** Whether one of them comes before those of all other shards. */
  get isAccused(): boolean {
    return this.#accused > 0
  }

  get #isNarrowing(): boolean {
    return this.#committer.through < this.#parts.seat.suspectThrough
  }

  /** How long until the next parked message is due: 0 where one is, Infinity where none is parked. */
  get dueInMs(): number {
    return this.#outage.isHeld ? Infinity : this.#failures.dueInMs
  }

  /** How long until a message that runs is to be set aside. */
  get asideInMs(): number {
    return this.#outage.isHeld ? Infinity : (this.#aside?.dueInMs ?? Infinity)
  }

  /** Whether it takes no messages although there may be some. */
  get isStalled(): boolean {
    return this.#poll.isStalled || this.#outage.isHeld
  }

  /**
   * Does what can be done now; whether there was anything.
   * @throws Error what ended the shard: a poisoned stream, a sink that is behind
   */
  step(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    const begun = !this.#outage.isHeld && this.#begin()
    this.#promote()
    if (!this.#outage.isHeld && this.#aside?.step(this.#finished) === true) this.#promote()
    const committed = this.#commit()
    return begun || committed
  }

  #begin(): boolean {
    const retried =
      this.#failures.dueInMs === 0 &&
      this.#failures.retryDue(this.#finished, (parts) => this.#lane.addRetry(parts))
    const polled = this.#poll.take()
    if (polled > 0) this.#process()
    return retried || polled > 0
  }

  /** Brings what is under way to its end, as far as it goes now, and begins nothing. */
  rest(): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#commit()
    this.flushBatches()
    this.#promote()
  }

  /**
   * Begins messages that may have killed a worker, no more than may be tried together; whether there
   * were any. Nothing else is under way; what ends is left uncommitted until `rest`.
   */
  tryAlone(): boolean {
    const begun = this.#beginAlone()
    if (begun) this.#accused = 0
    this.flushBatches()
    this.#promote()
    return begun
  }

  #beginAlone(): boolean {
    const retry = (parts: JobParts): void => this.#lane.addRetry(parts)
    if (this.#failures.triesLoner || this.#outage.isHeld) return false
    if (this.#accused <= this.#committer.through && !this.isWaiting) {
      if (this.#failures.retryAlone(this.#accused, this.#finished, retry)) return true
    }
    if (!this.#isNarrowing) return false
    if (this.#poll.take() > 0) {
      this.#process()
      return true
    }
    // No room is left for parked messages: only their attempts can make some.
    return this.#poll.isStalled && this.#failures.retryDue(this.#finished, retry)
  }

  /** Lets half-filled batches go: no more messages are expected for now. */
  flushBatches(): void {
    if (this.#program.flush()) this.#parts.kick()
  }

  /** What it has of these partitions takes no effect any more. */
  giveUp(list: GiveUpList): void {
    this.#giveUps.begin(list)
  }

  /** Nothing is committed from now on; what is in flight is left to the next opening. */
  stop(): void {
    for (const one of [this.#committer, this.#outage, this.#parts.limiter]) one?.stop()
    this.#signals.abort(new ClosedError())
  }

  #process(): void {
    this.#processPolled()
    this.#slots.decoder.endFrames()
  }

  #processPolled(): void {
    const isInPlace = !this.#program.isStaged && this.#parts.limiter === undefined
    if (!isInPlace || !this.#lane.isEmpty || this.#lane.isUsed) {
      this.#processInLane()
      return
    }
    const { words, decoder, isLate } = this.#slots
    const { pulse } = this.#parts
    const finished = this.#finished
    const { outputs } = finished
    const collector = this.#program.collector
    collector.values = outputs
    while (this.#processed < this.#poll.through) {
      const sequence = this.#processed + 1
      const at = this.#slots.slotOf(sequence)
      pulse.beat()
      if (words[at + slotOutcome] !== outcomes.processed) {
        this.#processed = sequence
        finished.count += 1
        continue
      }
      const kind = words[at + slotKind] as number
      const offset = words[at + slotOffset] as number
      const length = words[at + slotLength] as number
      const isBare = decoder.isBare(offset, length)
      const isSpecial = (kind & (kindTypeMask | kindInFlight)) !== 0 || !isBare
      const outputsBefore = outputs.length
      let outcome: OutcomeNumber | undefined
      if (isSpecial || !this.#failures.isEmpty || !this.#givenUp.isEmpty) {
        outcome = this.#ends.early(sequence, at, kind, finished)
        if (outcome !== undefined) {
          words[at + slotOutcome] = outcome
          this.#processed = sequence
          finished.count += 1
          continue
        }
      }
      let context = noContext
      try {
        const message = isBare ? decoder.at(offset, length) : decoder.behindEnvelope(offset, length)
        if (isLate !== undefined && isLate(message, decoder.timeMs(offset, kind))) {
          outcome = outcomes.late
        } else {
          if (this.#program.usesContext) {
            const parts = { sequence, attempt: 1, timeMs: decoder.timeMs(offset, kind) }
            const payload = isBare ? undefined : this.#slots.payload(at)
            context = this.#slots.context(parts, message, payload)
          }
          const pending = this.#program.run(message, context, collector)
          if (isPromise(pending)) {
            this.#moveToLane(sequence, at, outputsBefore, message, context, pending)
            return
          }
          context?.end()
          outcome = outputs.length === outputsBefore ? outcomes.filtered : outcomes.processed
        }
      } catch (error) {
        context?.end()
        outputs.length = outputsBefore
        if (this.#outage.begins(error, sequence)) {
          // It waits there, and those behind it.
          this.#outage.joins(sequence, () => this.#lane.beginOnly(sequence))
          this.#processInLane()
          return
        }
        const key = this.#slots.keyAt(sequence, at)
        outcome = this.#failures.failed(sequence, 1, '', failureOf(error), key, finished)
      }
      finished.own(sequence)
      words[at + slotOutcome] = outcome
      this.#processed = sequence
      finished.count += 1
    }
  }

  // ---- the lane: messages side by side ----

  #processInLane(): void {
    while (this.#processed < this.#poll.through) {
      this.#processed += 1
      this.#ends.enter(this.#lane, this.#processed)
    }
  }

  /** The first promise: the message goes on in the lane, with what it has put out so far. */
  #moveToLane(
    sequence: number,
    at: number,
    outputsBefore: number,
    message: unknown,
    context: AttemptContext,
    pending: Promise<void>,
  ): void {
    const own = this.#program.takeCollector(outputsBefore)
    this.#processed = sequence
    const frames = message instanceof BufferFrame ? message.outlive() : undefined
    const timed = this.#program.timed(pending, context, own)
    this.#lane.addRunning(this.#slots.firstAttempt(sequence, at), own, frames, context, timed)
    this.#processInLane()
  }

  /** Moves what has ended, in order, from the lane to the finished. */
  #promote(): void {
    while (!this.#lane.isEmpty) {
      const done = this.#lane.takeDone()
      if (done.length === 0) return
      // Before these leave their lines: what has overtaken them since the sink refused them goes out.
      if (done.some((job) => job.isRetry)) this.#failures.withdraw(this.#finished)
      this.#ends.finish(done, this.#finished)
      this.#lane.ended(done)
    }
  }

  // ---- commit ----

  #commit(): boolean {
    if (this.#committing) return false
    if (this.#finished.isEmpty) return this.#committer.rest()
    const finished = this.#finished
    this.#finished = new Finished()
    this.#program.collector = new Collector()
    // A message that the sink refused while these were processed may have parked their key.
    if (!this.#failures.isEmpty) this.#failures.withdraw(finished)
    this.#giveUps.apply(finished)
    this.#answers.gather(this.#committer.through + 1, finished)
    const pending = this.#committer.commit(finished)
    if (!isPromise(pending)) {
      this.#giveUps.committed()
      return true
    }
    this.#committing = true
    const failed = (error: unknown): Error => (this.#failure = toError(error))
    const committed = pending.then(() => this.#giveUps.committed(), failed)
    void committed.then(() => {
      this.#committing = false
      this.#parts.kick()
    })
    return true
  }
}
