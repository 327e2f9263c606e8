import type { Awaited, Desk, Teller } from '../../acknowledge/awaited.js'
import { Batches } from '../../acknowledge/batched.js'
import type { Told } from '../../acknowledge/ends.js'
import { limit, type Patience } from '../../acknowledge/patience.js'
import { ProcessedAwaited } from '../../acknowledge/processed.js'
import { StoredAwaited } from '../../acknowledge/stored.js'
import type { Envelope } from '../../codec/envelope.js'
import type { Acknowledge } from '../../core/acknowledge.js'
import { ClosedError, InvalidArgumentError, type SemelError } from '../../core/errors.js'
import type { Outcome } from '../../core/message.js'
import { addon } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import { refusals } from '../../pipeline/refusals.js'
import { Ingest } from './ingest.js'
import type { Settings } from '../settings/options.js'
import type { Producers } from './producers.js'
import { ReplyReader } from '../replies/reply-reader.js'
import type { Entered } from './send-many.js'
import { SendQueue } from './send-queue.js'

export interface SenderParts {
  readonly handle: number
  readonly graph: Graph
  readonly settings: Settings
  readonly payloadBytesMax: number
  /** Of a pipeline whose senders number their messages. */
  readonly producers: Producers | undefined
  /** Messages are in the rings. */
  readonly published: () => void
  /** Who waits has changed. */
  readonly waitingChanged: () => void
  /** Somebody waits for what may be known already. */
  readonly asked: () => void
  /** A sender had stopped waiting before its message ended. */
  readonly late: (awaited: Awaited, outcome: Outcome, told: Told) => void
}

/** The side of a stream that messages come in by, and that hears of their ends. */
export class Sender implements Desk {
  readonly ingest: Ingest
  readonly #parts: SenderParts
  readonly #replies: ReplyReader
  readonly #sends = new SendQueue((message, awaited) => this.#attempt(message, awaited))
  readonly #batches: Batches<unknown>
  /** Messages that are pushed have a place in a batch too. */
  readonly #tellsOfPushed: boolean
  /** Senders that have not been told. */
  #waiting = 0
  /** Frames were left over: there was no room in some ring. */
  #framesWait = false
  #isClosed = false

  constructor(parts: SenderParts) {
    const { handle, graph, settings, payloadBytesMax } = parts
    this.#parts = parts
    const { mode, onBatch } = settings.acknowledge
    this.#tellsOfPushed = mode === 'batched' && onBatch !== undefined
    this.#replies = new ReplyReader(handle, settings, parts.late)
    this.#batches = new Batches(this, settings.acknowledge, settings.acknowledge.onBatch as never)
    this.ingest = new Ingest({
      handle,
      graph,
      shards: settings.shards,
      firstShard: settings.firstShard,
      durability: settings.durability,
      payloadBytesMax,
      producers: parts.producers,
      flushed: parts.published,
      taken: (awaited) => this.#replies.expect(awaited),
    })
  }

  /** Whether somebody waits to be told, or a message waits for room. */
  get isAwaited(): boolean {
    return this.#waiting > 0 || !this.#sends.isEmpty || !this.ingest.isEmpty
  }

  /** Whether there is anything to be told of, though perhaps nobody waits. */
  get hasOpen(): boolean {
    return !this.#replies.isEmpty
  }

  /** Whether the core has all that was sent. */
  get isTaken(): boolean {
    return this.ingest.isEmpty && this.#sends.isEmpty
  }

  /** Whether all ends are known but those of parked messages. */
  get hasToldAll(): boolean {
    return this.#replies.count === this.#replies.parked
  }

  /** Nothing more is taken; what waits for room still goes in where there is some. */
  close(): void {
    this.#isClosed = true
    this.ingest.shut()
  }

  push(message: unknown, envelope?: Envelope): boolean {
    this.#admit(envelope)
    if (!this.#sends.serve()) return false
    if (!this.#tellsOfPushed) return this.ingest.push(message, envelope)
    return this.#isFull || !this.ingest.admits() ? false : this.#pushInBatch(message, envelope)
  }

  pushFrames(bytes: Uint8Array): number {
    this.#admit()
    const taken = this.#sends.serve() ? this.ingest.pushFrames(bytes) : 0
    this.#framesWait = taken * this.ingest.frameSize < bytes.length
    return taken
  }

  /** Sends one message; `teller` is told what the mode promises. */
  send(
    message: unknown,
    mode: Acknowledge,
    patience: Patience,
    teller: Teller<unknown>,
    envelope?: Envelope,
  ): void {
    if (patience.signal?.aborted === true) {
      teller.reject(patience.signal.reason, false)
      return
    }
    this.#admit(envelope)
    const awaited = this.#awaited(mode, message, teller)
    if (patience.signal !== undefined || patience.timeout !== undefined) {
      awaited.release = limit(patience, (errorFor) => this.giveUp(awaited, errorFor))
    }
    if (!this.#take(message, awaited, envelope)) this.#queue(message, awaited, envelope)
  }

  /** One of several messages that are sent together: whoever sends them keeps their patience. */
  enter(
    message: unknown,
    mode: Acknowledge,
    teller: Teller<unknown>,
    envelope?: Envelope,
  ): Entered {
    this.#admit(envelope)
    const awaited = this.#awaited(mode, message, teller)
    if (this.#take(message, awaited, envelope)) return { awaited }
    return { awaited, left: new Promise((left) => this.#queue(message, awaited, envelope, left)) }
  }

  /** Whether there is room for one message more. */
  hasRoom(): boolean {
    const { handle, payloadBytesMax } = this.#parts
    if (!this.#sends.serve() || !this.ingest.flush()) return false
    if (this.#framesWait && addon().room(handle) < payloadBytesMax) return false
    this.#framesWait = false
    return !this.#tellsOfPushed || !this.#isFull
  }

  /**
   * Whether what was sent or pushed before this call has been taken by the core, or refused; asked
   * again and again. What comes later is not waited for.
   */
  takenSoFar(): () => boolean {
    const { last } = this.#sends
    let row: number | undefined
    return () => {
      this.ingest.flush()
      if (row === undefined) {
        this.#sends.serve()
        if (!this.#sends.hasPassed(last)) return false
        row = this.ingest.rows.next
        this.ingest.flush()
      }
      return this.ingest.rows.waiting >= row
    }
  }

  /** Messages that wait for room. */
  get waitingForRoom(): number {
    const { next, waiting } = this.ingest.rows
    return this.#sends.size + next - waiting
  }

  /** Sends what there is room for, and tells who can be told. */
  advance(): void {
    this.ingest.flush()
    this.tellKnown()
  }

  /** Tells who can be told, and lets in those that waited for that. */
  tellKnown(): void {
    this.#replies.tellKnown()
    if (this.ingest.awaited > 0) this.#replies.release()
    this.#sends.serve()
  }

  /** A batch that is being filled is acknowledged as it is. */
  closeBatch(): void {
    this.#batches.close()
  }

  /** Nothing is taken any more, and nothing told. */
  fail(error: SemelError): void {
    this.ingest.fail(error)
    this.#sends.fail(error)
    this.#batches.close()
    this.#replies.fail(error)
  }

  waits(): void {
    this.#waiting += 1
    this.#parts.waitingChanged()
  }

  told(): void {
    this.#waiting -= 1
    this.#parts.waitingChanged()
  }

  look(): void {
    this.#parts.asked()
  }

  giveUp(awaited: Awaited, errorFor: (taken: boolean) => unknown): void {
    if (this.#sends.withdraw(awaited)) awaited.refused(errorFor(false))
    else awaited.giveUp(errorFor(true))
  }

  #awaited(mode: Acknowledge, message: unknown, teller: Teller<unknown>): Awaited {
    switch (mode) {
      case 'stored':
        return new StoredAwaited(this, teller)
      case 'processed':
        return new ProcessedAwaited(this, teller)
      case 'batched':
        return this.#batches.add(message, teller)
      default:
        return mode satisfies never
    }
  }

  /** @throws InvalidArgumentError where messages come from sources alone, or none is kept for later */
  #admit(envelope?: Envelope): void {
    if (this.#isClosed) throw new ClosedError()
    const { graph, settings } = this.#parts
    if (graph.deliver.by !== undefined) {
      throw new InvalidArgumentError(`${graph.name}: ${refusals.unsent}`)
    }
    if (!settings.journal) {
      throw new InvalidArgumentError(
        `${graph.name} is open without a journal, and what is sent would be in memory alone: consume a replayable source, or open it with a journal`,
      )
    }
    if (envelope?.isTimed !== true || settings.delivery !== 'at-most-once') return
    throw new InvalidArgumentError(
      'at: at-most-once keeps no message for later; leave it out, or deliver it at-least-once or exactly-once',
    )
  }

  get #isFull(): boolean {
    return this.#replies.count + this.ingest.awaited >= this.#parts.settings.awaitedMax
  }

  /** Whether nobody waits before it, and there was room. */
  #take(message: unknown, awaited: Awaited, envelope: Envelope | undefined): boolean {
    return this.#sends.serve() && this.#attempt(message, awaited, envelope)
  }

  /** It waits as it is now: what the sender makes of the object meanwhile changes nothing. */
  #queue(
    message: unknown,
    awaited: Awaited,
    envelope: Envelope | undefined,
    left?: () => void,
  ): void {
    try {
      this.#sends.add(this.ingest.keep(message, envelope), awaited, left)
    } catch (error) {
      awaited.refused(error)
      left?.()
    }
    this.#parts.waitingChanged()
  }

  /** Whether there was room; what can't be taken at all is told so. */
  #attempt(message: unknown, awaited: Awaited, envelope?: Envelope): boolean {
    if (this.#isFull) {
      this.#replies.tellKnown()
      if (this.#isFull) return false
    }
    try {
      return this.ingest.pushAwaited(message, awaited, envelope)
    } catch (error) {
      awaited.refused(error)
      return true
    }
  }

  #pushInBatch(message: unknown, envelope: Envelope | undefined): boolean {
    const awaited = this.#batches.add(message)
    let isTaken = false
    try {
      isTaken = this.ingest.pushAwaited(message, awaited, envelope)
      return isTaken
    } finally {
      // Then it has no place in the batch.
      if (!isTaken) awaited.refused(undefined)
    }
  }
}
