import { EventEmitter } from 'node:events'
import type { Delivery, Durability } from '../core/delivery.js'
import { ClosedError, SemelError } from '../core/errors.js'
import type { Counters } from '../core/message.js'
import type { Source } from '../core/source.js'
import { addon, type NativeRecovery, type NativeStatus } from '../native/addon.js'
import type { Graph } from '../pipeline/graph.js'
import { consume, type Consumed, type ConsumeOptions } from './consume.js'
import { DeadLetters } from './dead-letters.js'
import { Ingest } from './ingest.js'
import type { Settings } from './options.js'
import { Producers, type DoorCounters } from './producers.js'
import { ReceiptDesk, type Receipt } from './receipts.js'
import type { Runner, RunnerEvent } from './runner.js'
import { SendQueue } from './send-queue.js'
import { checkWait, type WaitOptions } from './wait.js'

/** A shard as it stands. */
export interface ShardCounters extends Counters {
  readonly shard: number
  readonly through: number
  readonly durable: number
  /** Ids in the dedup index, and the memory that it takes. */
  readonly ids: number
  /** How far back ids are known for certain: less than the window where it had to be shortened. */
  readonly windowMs: number
  readonly indexBytes: number
}

export interface StreamEvents {
  'dead-letter': [event: Extract<RunnerEvent, { kind: 'dead-letter' }>]
  'sink-failed': [event: Extract<RunnerEvent, { kind: 'sink-failed' }>]
  stalled: [event: Extract<RunnerEvent, { kind: 'stalled' }>]
  'worker-replaced': [event: Extract<RunnerEvent, { kind: 'worker-replaced' }>]
  failed: [error: SemelError]
}

/** How long `close` waits for what is in flight, before it leaves that to the next opening. */
const closeTimeoutMs = 10_000
const pollMs = 1

export interface StreamParts {
  readonly handle: number
  readonly graph: Graph
  readonly settings: Settings
  readonly payloadBytesMax: number
  readonly segmentBytes: number
  readonly recovered: readonly NativeRecovery[]
}

/**
 * A pipeline that has been opened.
 * @typeParam In what it takes
 */
export class Stream<In> extends EventEmitter<StreamEvents> implements AsyncDisposable {
  readonly name: string
  readonly delivery: Delivery
  readonly durability: Durability
  readonly shards: number
  readonly workers: number
  /** What stood in the directory when it was opened, before anything of it was delivered again. */
  readonly opened: Counters
  /** Messages that failed for good. */
  readonly deadLetters: DeadLetters
  readonly #parts: StreamParts
  readonly #ingest: Ingest
  readonly #producers: Producers | undefined
  readonly #receipts: ReceiptDesk
  readonly #sends = new SendQueue(() => this.ready())
  #runner: Runner | undefined
  #ready: (() => void)[] = []
  #failure: SemelError | undefined
  #closing: Promise<void> | undefined
  #last: ShardCounters[] | undefined
  #keepsAlive = false
  /** Frames were left over: there was no room in some ring. */
  #framesWait = false

  /** @internal Use `open`. */
  constructor(parts: StreamParts) {
    super()
    const { graph, settings, handle } = parts
    this.#parts = parts
    this.name = graph.name
    this.delivery = settings.delivery
    this.durability = settings.durability
    this.shards = settings.shards
    this.workers = settings.workers
    this.opened = this.counters()
    this.deadLetters = new DeadLetters(handle, settings.shards, graph, () => this.ready())
    this.#receipts = new ReceiptDesk(handle, settings)
    this.#producers = graph.deliver.producer === undefined ? undefined : new Producers(parts)
    const flushed = (): void => {
      this.#runner?.notify()
      this.#receipts.settle()
      this.#askForNotice()
    }
    const { payloadBytesMax } = parts
    this.#ingest = new Ingest(
      handle,
      graph,
      settings.shards,
      payloadBytesMax,
      flushed,
      this.#producers,
    )
  }

  /** @internal */
  async start(runner: Runner): Promise<void> {
    await runner.start()
    this.#runner = runner
  }

  /**
   * Takes a message, without a promise: the fast way in. It is on its way at the end of this tick.
   * @returns false when there is no room; `ready()` tells when there is, and the message is yours
   * @throws SemelError where the message can't be taken at all; it leaves no trace
   */
  push(message: In): boolean {
    return this.#sends.serve() && this.#ingest.push(message)
  }

  /**
   * Takes raw frames that lie one after another; as many as there is room for.
   * @returns how many were taken, from the front
   */
  pushFrames(bytes: Uint8Array): number {
    const taken = this.#sends.serve() ? this.#ingest.pushFrames(bytes) : 0
    this.#framesWait = taken * this.#ingest.frameSize < bytes.length
    return taken
  }

  /** Resolves when there is room. */
  async ready(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closing !== undefined) throw new ClosedError()
    while (!this.#hasRoom()) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#closing !== undefined) throw new ClosedError()
      addon().wantNotice(this.#parts.handle)
      // Room that came before the asking gives no notice.
      if (this.#hasRoom()) return
      await new Promise<void>((resolve) => {
        this.#ready.push(resolve)
        this.#keepAlive()
      })
    }
  }

  /**
   * Sends one message; waits for room.
   * @returns its receipt, once it has reached the stream's durability
   * @throws SemelError `SEMEL_ACK_TIMEOUT` or the signal's reason: whether the message was stored is
   * unknown then, and the same id may be sent again
   */
  async send(message: In, options: WaitOptions = {}): Promise<Receipt> {
    checkWait(options, 'send')
    const receipt = this.#receipts.wait(options, (taken, refused) => {
      const attempt = (): boolean => {
        try {
          return this.#ingest.pushNoted(message, taken, refused)
        } catch (error) {
          refused(error)
          return true
        }
      }
      if (!this.#sends.serve() || !attempt()) this.#sends.add({ attempt, refused })
    })
    if (options.signal === undefined && options.timeout === undefined) return receipt
    // Who has given up waiting does not keep the process alive.
    return receipt.finally(() => this.#keepAlive())
  }

  /** Sends all of a source, from where the directory's earlier runs have stored it. */
  consume(source: Source<In>, options: ConsumeOptions = {}): Promise<Consumed> {
    return consume({
      ...this.#parts,
      source: source as Source<unknown>,
      options,
      ingest: this.#ingest,
      ready: () => this.ready(),
    })
  }

  /**
   * Resolves when every stored message has its outcome, the parked ones too, and all of that is as
   * durable as the level makes it: at `{ interval }` the next sync is made at once.
   */
  async drain(options: WaitOptions = {}): Promise<void> {
    checkWait(options, 'drain')
    if (this.#closing !== undefined) throw new ClosedError()
    this.#runner?.flush()
    await this.#until(() => {
      if (!this.#ingest.flush()) return false
      return this.shardCounters().every(
        ({ shard, inFlight, parked, stored, durable }) =>
          inFlight === 0 &&
          parked === 0 &&
          addon().settled(this.#parts.handle, shard) &&
          durable >= stored,
      )
    }, options)
  }

  /**
   * Takes no more messages, waits for those in flight, and closes the directory in order. Parked
   * messages stay in it. What is still in flight after `timeout` is left to the next opening (at most
   * once: dropped).
   * @param options.timeout in milliseconds; default 10,000
   */
  async close(options: { timeout?: number } = {}): Promise<void> {
    const { timeout = closeTimeoutMs } = checkWait(options, 'close', ['timeout'])
    this.#closing ??= this.#close(timeout)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What was turned away since the stream was opened, of producers that number their messages. */
  doorCounters(): DoorCounters {
    return this.#producers?.counters ?? { duplicate: 0, fenced: 0 }
  }

  /** All shards together. */
  counters(): Counters {
    const total = zero()
    for (const shard of this.shardCounters()) {
      for (const name of Object.keys(total) as (keyof Counters)[]) total[name] += shard[name]
    }
    return total
  }

  shardCounters(): ShardCounters[] {
    // What stood at the end, once the stream is closed.
    if (this.#last !== undefined) return this.#last
    return Array.from({ length: this.shards }, (_, shard) =>
      shardCounters(shard, addon().status(this.#parts.handle, shard)),
    )
  }

  /** @internal The native core has made progress that somebody waits for. */
  noticed(): void {
    this.#ingest.flush()
    this.#releaseReady()
    this.#runner?.notify()
    this.#receipts.settle()
    this.#askForNotice()
  }

  /** @internal */
  ran(event: RunnerEvent): void {
    this.emit(event.kind as 'dead-letter', event as never)
  }

  /** @internal The stream can't go on. */
  failed(error: SemelError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#ingest.fail(error)
    this.#receipts.fail(error)
    this.#releaseReady()
    this.#keepAlive()
    this.emit('failed', error)
  }

  #hasRoom(): boolean {
    if (!this.#ingest.flush()) return false
    if (this.#framesWait && addon().room(this.#parts.handle) < this.#parts.payloadBytesMax) {
      return false
    }
    this.#framesWait = false
    return true
  }

  #releaseReady(): void {
    for (const resolve of this.#ready.splice(0)) resolve()
  }

  /** Inline shards of a stream that syncs see a message only after its group: they need the notice. */
  #askForNotice(): void {
    this.#keepAlive()
    if (this.#closing !== undefined && this.#ready.length === 0) return
    const { handle, settings } = this.#parts
    const inlineWaits = settings.workers === 0 && settings.durability !== 'memory'
    if (inlineWaits || this.#isAwaited) addon().wantNotice(handle)
  }

  /** Whether somebody waits for a receipt or for room, or a message does. */
  get #isAwaited(): boolean {
    return this.#ready.length > 0 || !this.#receipts.isEmpty || !this.#ingest.isEmpty
  }

  /** The process does not end under those who wait for a notice; an idle stream alone lets it. */
  #keepAlive(): void {
    const on = this.#isAwaited && this.#failure === undefined
    if (on === this.#keepsAlive || this.#last !== undefined) return
    this.#keepsAlive = on
    addon().keepAlive(this.#parts.handle, on)
  }

  async #until(reached: () => boolean, { signal, timeout = Infinity }: WaitOptions): Promise<void> {
    const deadline = performance.now() + timeout
    while (!reached()) {
      if (this.#failure !== undefined) throw this.#failure
      signal?.throwIfAborted()
      if (performance.now() > deadline) {
        throw new SemelError(
          'SEMEL_TIMEOUT',
          `messages were still in flight or parked after ${timeout} ms; they are kept, wait again`,
          { retriable: true },
        )
      }
      await new Promise((resolve) => {
        setTimeout(resolve, pollMs)
      })
      // Also what has come into a batch since.
      this.#runner?.flush()
    }
  }

  async #close(timeout: number): Promise<void> {
    const { handle } = this.#parts
    const ended = new AbortController()
    const force = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeout)
      ended.signal.addEventListener('abort', () => clearTimeout(timer))
    })
    try {
      if (this.#failure === undefined) {
        const deadline = performance.now() + timeout
        while (!this.#ingest.flush() && performance.now() < deadline && !this.#failure) {
          this.#runner?.notify()
          await new Promise((resolve) => {
            setTimeout(resolve, pollMs)
          })
        }
        this.#runner?.flush()
        await this.#until(() => this.counters().inFlight === 0, {
          timeout: Math.max(0, deadline - performance.now()),
        }).catch(() => {})
      }
      this.#ingest.close()
      this.#receipts.settle()
      await this.#runner?.stop(this.#failure === undefined ? force : Promise.resolve())
    } finally {
      ended.abort()
      this.#receipts.fail(this.#failure ?? new ClosedError())
      this.#releaseReady()
      this.#last = this.shardCounters()
      addon().close(handle)
    }
  }
}

function zero(): Counters {
  return {
    stored: 0,
    processed: 0,
    filtered: 0,
    duplicate: 0,
    late: 0,
    deadLettered: 0,
    dropped: 0,
    parked: 0,
    inFlight: 0,
  }
}

function shardCounters(shard: number, status: NativeStatus): ShardCounters {
  return {
    shard,
    stored: status.stored,
    processed: status.processed,
    filtered: status.filtered,
    duplicate: status.duplicate,
    late: status.late,
    deadLettered: status.deadLettered,
    dropped: status.dropped,
    parked: status.parked,
    inFlight: status.stored - status.through,
    through: status.through,
    durable: status.durable,
    ids: status.ids,
    windowMs: status.windowMs,
    indexBytes: status.indexBytes,
  }
}
