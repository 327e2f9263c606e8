import type { Awaited } from '../../acknowledge/awaited.js'
import type { Envelope } from '../../codec/envelope.js'
import type { Durability } from '../../core/delivery.js'
import { ClosedError, type SemelError } from '../../core/errors.js'
import type { Id, MalformedRow, Produced } from '../../core/message.js'
import { atEndOfTick } from '../../core/waiting/timers.js'
import { addon } from '../../native/addon.js'
import { frameTypes } from '../../native/slots.js'
import type { Graph } from '../../pipeline/graph.js'
import { checkFrames } from './frames-in.js'
import { conflatedKeysMax, dropped, OverflowPolicy, type OverflowCounters } from './overflow.js'
import type { Producers } from './producers.js'
import { Kept, Router, sentFromInside, type Routed } from './router.js'
import { rowsDefault, Staging, type Origin } from './staging.js'

export interface IngestParts {
  readonly handle: number
  readonly graph: Graph
  readonly shards: number
  /** What senders know the first one as. */
  readonly firstShard: number
  readonly durability: Durability
  readonly payloadBytesMax: number
  /** Of a pipeline whose senders number their messages. */
  readonly producers: Producers | undefined
  /** Called when rows are in the rings, and when there was no room for all of them. */
  readonly flushed: () => void
  /** The core has it; of a shard they come in the order of sequences. */
  readonly taken: (awaited: Awaited) => void
}

/**
 * The way in: checks a message, finds its shard and id, encodes it, and hands rows to the core.
 * A message is on its way at the end of the tick in which it came, or with as many as one call takes.
 */
export class Ingest {
  readonly #handle: number
  readonly #graph: Graph
  readonly #router: Router
  readonly #firstShard: number
  readonly #staging: Staging
  /** Of raw frames, in bytes; 0 where the pipeline takes objects. */
  readonly frameSize: number
  readonly #durability: Durability
  readonly #flushed: () => void
  readonly #taken: (awaited: Awaited) => void
  readonly #producers: Producers | undefined
  /** Unset where messages wait for room. */
  readonly #overflow: OverflowPolicy | undefined
  /** The ring was full, and messages wait. */
  #isBlocked = false
  /** Where the last message was put: its row (-1: it is a copy, and nowhere) and its shard. */
  #putRow = -1
  #putShard = 0
  #scheduled = false
  /** Messages in the staging buffer whose senders wait, in the order of rows. */
  #waiters: Awaited[] = []
  #failure: SemelError | undefined
  /** Nothing new is taken; what waits for room still is. */
  #isShut = false

  /** Made once, as below. */
  readonly #check = (): void => {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isShut) throw new ClosedError()
  }

  /** Made once: a closure inside of `#schedule` would cost every call of it, which mostly returns early. */
  readonly #flushScheduled = (): void => {
    this.#scheduled = false
    this.flush()
  }

  constructor(parts: IngestParts) {
    const { handle, graph } = parts
    this.#handle = handle
    this.#graph = graph
    this.#firstShard = parts.firstShard
    this.#durability = parts.durability
    const { overflow } = graph.deliver
    this.#staging = new Staging(
      handle,
      parts.payloadBytesMax,
      ...(overflow === 'conflate' ? [conflatedKeysMax, 1] : []),
    )
    this.#overflow =
      overflow === 'wait'
        ? undefined
        : new OverflowPolicy(overflow, this.#staging, (row, error) => this.#refuseRow(row, error))
    this.frameSize = graph.accepts.kind === 'frames' ? graph.accepts.size : 0
    this.#flushed = parts.flushed
    this.#taken = parts.taken
    this.#producers = parts.producers
    this.#router = new Router(graph, parts.shards, (numbering) =>
      (this.#producers as Producers).check(numbering),
    )
  }

  /** A message that is being taken is not: the user's functions and getters may have closed the stream. */
  shut(): void {
    this.#isShut = true
  }

  /** From now on every message is refused with this error, and so are those that wait. */
  fail(failure: SemelError): void {
    this.#failure ??= failure
    for (const awaited of this.#waiters.splice(0)) awaited.refused(this.#failure)
  }

  /** Messages that somebody waits for, and that wait for room themselves. */
  get awaited(): number {
    return this.#waiters.length
  }

  /** Whether nothing waits for room. */
  get isEmpty(): boolean {
    return this.#staging.isEmpty
  }

  /** The number that the next row will have, and that of the first one that waits for room. */
  get rows(): { readonly next: number; readonly waiting: number } {
    const { isEmpty, nextRow, firstWaiting } = this.#staging
    return { next: nextRow, waiting: isEmpty ? nextRow : firstWaiting }
  }

  /** Dropped for want of room, under at-most-once, since the stream was opened. */
  get dropped(): OverflowCounters {
    return this.#overflow?.counters ?? nothingDropped
  }

  /**
   * Takes a message, or answers false where there is no room. What the overflow policy drops is taken
   * too, as is a producer's duplicate; neither goes further.
   * @throws SemelError where the message can't be taken whatever the room; it leaves no trace
   */
  push(message: unknown, envelope?: Envelope): boolean {
    const routed = this.#route(message)
    const verdict = this.#admit(routed)
    if (verdict === 'room') this.#put(routed, envelope, 0)
    return verdict !== 'none'
  }

  /** Whether a message would be taken, or at least dealt with by the overflow policy. */
  admits(): boolean {
    return this.#overflow !== undefined || this.hasRoom()
  }

  /** As `push`, for a message of a source that `check` and `route` have been through. */
  pushTo(
    shard: number,
    id: Id | undefined,
    message: unknown,
    origin: Origin,
    envelope?: Envelope,
  ): boolean {
    if (!this.hasRoom()) return false
    this.#stage(message, false, envelope, shard, id, 0, origin)
    return true
  }

  /**
   * A message as it is now, to be pushed when there is room.
   * @throws SemelError where it can't be taken whatever the room
   */
  keep(message: unknown, envelope?: Envelope): Kept {
    const routed = this.#route(message)
    const bytes =
      this.frameSize > 0
        ? new Uint8Array(routed.message as Uint8Array)
        : this.#staging.encoded(routed.message)
    return new Kept(envelope === undefined ? bytes : Buffer.concat([envelope.bytes, bytes]), routed)
  }

  /** As `push`; the sender is told what becomes of the message. */
  pushAwaited(message: unknown, awaited: Awaited, envelope?: Envelope): boolean {
    const routed = message instanceof Kept ? message : this.#route(message)
    const verdict = this.#admit(routed)
    if (verdict === 'dropped') awaited.refused(dropped('there was no room for it'))
    if (verdict !== 'room') return verdict === 'dropped'
    this.#put(routed, envelope, awaited.wants)
    awaited.row = this.#putRow
    awaited.shard = this.#firstShard + this.#putShard
    if (awaited.row >= 0) {
      this.#await(awaited)
      return true
    }
    // A producer's duplicate: its first copy is stored, in the ring or among the rows that wait.
    awaited.isCopy = true
    if (!this.#staging.isEmpty) {
      awaited.row = this.#staging.nextRow - 1
      this.#await(awaited)
      return true
    }
    this.#tell(awaited)
    // No flush comes of it that would tell the receipt.
    this.#flushed()
    return true
  }

  pushMalformed(row: MalformedRow, origin: Origin, shard: number): boolean {
    if (!this.hasRoom()) return false
    this.#staging.putMalformed(row, frameTypes.malformed, shard, origin)
    this.#schedule()
    return true
  }

  /** Raw frames one after another, as many as there is room for; how many. */
  pushFrames(bytes: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure
    const { idAt, keyAt } = checkFrames(this.#graph, this.frameSize, bytes)
    if (!this.flush()) return 0
    const taken = addon().appendFrames(this.#handle, bytes, this.frameSize, idAt, keyAt)
    if (taken > 0) this.#flushed()
    return taken
  }

  /**
   * Where a message of a source goes, and as what it is known.
   * @returns valid until the next message
   */
  route(message: unknown): Pick<Routed, 'shard' | 'id'> {
    return this.#router.route(message)
  }

  /** The message as operators will see it: checked, perhaps changed, by the schema. */
  check(message: unknown): unknown {
    return this.#router.check(message)
  }

  /** Hands over what waits; false where there was not room for all of it. */
  flush(): boolean {
    const staging = this.#staging
    // What is being written there is no row yet.
    if (staging.isWriting) return false
    if (staging.isEmpty) return true
    for (let hasAsked = false; ; hasAsked = true) {
      if (this.#failure !== undefined) return false
      let taken: number
      try {
        taken = staging.flush()
      } catch (error) {
        this.fail(error as SemelError)
        return false
      }
      if (taken > 0) this.#noteTaken()
      // Room that comes before the asking gives no notice: so it is tried again behind it.
      if (taken === 0 && hasAsked) {
        this.#isBlocked = true
        return false
      }
      this.#flushed()
      if (!staging.isEmpty) continue
      this.#isBlocked = false
      this.#overflow?.ended()
      return true
    }
  }

  /**
   * Whether there is room for a message in the staging buffer.
   * @throws SemelError where the stream can't go on
   */
  hasRoom(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    return !this.#staging.isFull || this.flush()
  }

  /** @throws SemelError where the message can't be taken, or the stream can't go on */
  #route(sent: unknown): Routed {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#staging.isWriting) throw sentFromInside()
    const routed = this.#router.admit(sent)
    this.#check()
    return routed
  }

  #admit(routed: Routed): 'room' | 'dropped' | 'none' {
    if (this.#overflow === undefined) return this.hasRoom() ? 'room' : 'none'
    const staging = this.#staging
    if (staging.isFull && this.#overflow.dropsUnasked()) return 'dropped'
    // A waiting room that holds many is no reason to let them wait.
    if (!this.#isBlocked && staging.nextRow - staging.firstWaiting >= rowsDefault) this.flush()
    if (this.hasRoom()) return 'room'
    return this.#overflow.makeRoom(routed.key)
  }

  #put(routed: Routed, envelope: Envelope | undefined, wants: number): void {
    if (routed.produced !== undefined) {
      this.#putProduced(routed, routed.produced, envelope, wants)
      return
    }
    const { shard, key } = routed
    const { message, isEncoded, id } = routed
    this.#stage(message, isEncoded, envelope, shard, id, wants, undefined, this.#check)
    this.#putShard = shard
    this.#putRow = this.#staging.nextRow - 1
    if (this.#isBlocked && key !== undefined) {
      this.#putRow = (this.#overflow as OverflowPolicy).written(key)
    }
  }

  /** As `#put`; a duplicate is not staged. */
  #putProduced(
    { message, isEncoded, shard, id }: Routed,
    numbering: Produced,
    envelope: Envelope | undefined,
    wants: number,
  ): void {
    const producers = this.#producers as Producers
    const origin = producers.admit(numbering, shard)
    this.#putShard = shard
    this.#putRow = -1
    if (origin === undefined) return
    this.#stage(message, isEncoded, envelope, shard, id, wants, origin, this.#check)
    this.#putRow = this.#staging.nextRow - 1
    producers.staged(shard, origin)
  }

  #stage(
    message: unknown,
    isEncoded: boolean,
    envelope: Envelope | undefined,
    shard: number,
    id: Id | undefined,
    wants: number,
    origin?: Origin,
    check?: () => void,
  ): void {
    const type = frameTypes.message | wants
    if (isEncoded || this.frameSize > 0) {
      this.#staging.putBytes(message as Uint8Array, type, shard, id, origin, envelope?.bytes)
    } else {
      this.#staging.putObject(message, type, shard, id, origin, check, envelope?.bytes)
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    atEndOfTick(this.#flushScheduled)
  }

  #noteTaken(): void {
    if (this.#waiters.length === 0) return
    const pending = this.#staging.isEmpty ? Infinity : this.#staging.firstWaiting
    let done = 0
    for (const awaited of this.#waiters) {
      if (awaited.row >= pending) break
      this.#tell(awaited)
      done += 1
    }
    this.#waiters = done === this.#waiters.length ? [] : this.#waiters.slice(done)
  }

  /** Where messages take each other's place, a late one has an early row. */
  #await(awaited: Awaited): void {
    const last = this.#waiters.at(-1)
    if (last === undefined || last.row <= awaited.row) this.#waiters.push(awaited)
    else this.#waiters.splice(this.#waiterAt(awaited.row), 0, awaited)
  }

  /** The row will not be sent. */
  #refuseRow(row: number, error: SemelError): void {
    const at = this.#waiterAt(row)
    if (this.#waiters[at]?.row !== row) return
    const [awaited] = this.#waiters.splice(at, 1)
    awaited?.refused(error)
  }

  /** Where the first waiter is whose row is not below this one. */
  #waiterAt(row: number): number {
    let from = 0
    let to = this.#waiters.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.#waiters[middle] as Awaited).row < row) from = middle + 1
      else to = middle
    }
    return from
  }

  /** The core has it. A copy is as safe as all that its shard has now. */
  #tell(awaited: Awaited): void {
    const sequence = awaited.isCopy
      ? (this.#producers as Producers).storedIn(awaited.shard - this.#firstShard)
      : this.#staging.sequenceOf(awaited.row)
    awaited.taken(sequence, this.#durability)
    this.#taken(awaited)
  }

  close(): void {
    this.fail(new ClosedError())
  }
}

const nothingDropped: OverflowCounters = Object.freeze({ newest: 0, oldest: 0, conflated: 0 })
