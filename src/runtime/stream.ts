import { EventEmitter } from 'node:events'
import type { Writable, WritableOptions } from 'node:stream'
import type { QueuingStrategy, WritableStream } from 'node:stream/web'
import type { Acknowledged, Stronger } from '../acknowledge/acknowledged.js'
import type { End, Stored, Told } from '../acknowledge/ends.js'
import type { Status } from '../acknowledge/many.js'
import type { Acknowledge } from '../core/acknowledge.js'
import type { Delivery, Durability } from '../core/delivery.js'
import { ClosedError, SemelError } from '../core/errors.js'
import type { Counters, Outcome } from '../core/message.js'
import { wholeNumber } from '../core/options.js'
import type { Source } from '../core/source.js'
import { guaranteeOf, type Guarantee } from '../delivery/guarantee.js'
import { addon, type NativeRecovery } from '../native/addon.js'
import type { Graph } from '../pipeline/graph.js'
import { shardCounters, sum, type ShardCounters } from './counters.js'
import { consume, type Consumed, type ConsumeOptions } from './consume.js'
import { DeadLetters } from './dead-letters.js'
import type { Settings } from './options.js'
import { Producers, type DoorCounters } from './producers.js'
import type { Runner, RunnerEvent } from './runner.js'
import { checkIterable, checkSend, type SendOptions } from './send-options.js'
import { Sender } from './sender.js'
import { statusesOf } from './statuses.js'
import { checkWait, type WaitOptions } from './wait.js'
import { nodeWritable, webWritable } from './writables.js'

export interface StreamEvents {
  'dead-letter': [event: Extract<RunnerEvent, { kind: 'dead-letter' }>]
  'sink-failed': [event: Extract<RunnerEvent, { kind: 'sink-failed' }>]
  stalled: [event: Extract<RunnerEvent, { kind: 'stalled' }>]
  'worker-replaced': [event: Extract<RunnerEvent, { kind: 'worker-replaced' }>]
  /** How a message ended whose sender had stopped waiting, or was told that it is parked. */
  'late-outcome': [end: End]
  failed: [error: SemelError]
}

/** How long `close` waits for what is in flight, before it leaves that to the next opening. */
const closeTimeoutMs = 10_000
const pollMs = 1
const inFlightDefault = 1024

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
 * @typeParam Out what its operators make of that
 * @typeParam A when its senders hear back
 */
export class Stream<In, Out = unknown, A extends Acknowledge = Acknowledge>
  extends EventEmitter<StreamEvents>
  implements AsyncDisposable
{
  readonly name: string
  readonly delivery: Delivery
  readonly durability: Durability
  readonly acknowledge: A
  readonly shards: number
  readonly workers: number
  /** What stood in the directory when it was opened, before anything of it was delivered again. */
  readonly opened: Counters
  /** Messages that failed for good. */
  readonly deadLetters: DeadLetters
  readonly #parts: StreamParts
  readonly #sender: Sender
  readonly #producers: Producers | undefined
  #runner: Runner | undefined
  #ready: (() => void)[] = []
  #failure: SemelError | undefined
  #closing: Promise<void> | undefined
  #last: ShardCounters[] | undefined
  #keepsAlive = false
  #isSpinning = false
  #lateOutcomes = 0

  /** @internal Use `open`. */
  constructor(parts: StreamParts) {
    super()
    const { graph, settings, handle, payloadBytesMax } = parts
    this.#producers = graph.deliver.producer === undefined ? undefined : new Producers(parts)
    this.#parts = parts
    this.name = graph.name
    this.delivery = settings.delivery
    this.durability = settings.durability
    this.acknowledge = settings.acknowledge.mode as A
    this.shards = settings.shards
    this.workers = settings.workers
    this.opened = this.counters()
    this.deadLetters = new DeadLetters(handle, settings.shards, graph, () => this.ready())
    this.#sender = new Sender({
      handle,
      graph,
      settings,
      payloadBytesMax,
      producers: this.#producers,
      published: () => {
        this.#runner?.notify()
        this.#sender.settle()
        this.#askForNotice()
      },
      waitingChanged: () => this.#keepAlive(),
      asked: () => queueMicrotask(() => this.noticed()),
      late: (awaited, outcome, told) => this.#late(awaited, outcome, told),
    })
  }

  /** @internal */
  async start(runner: Runner): Promise<void> {
    await runner.start()
    this.#runner = runner
  }

  /**
   * Takes a message, without a promise: the fast way in. It is on its way at the end of this tick.
   * Where batches are acknowledged to an `onBatch`, it has its place in one.
   * @returns false when there is no room; `ready()` tells when there is, and the message is yours
   * @throws SemelError where the message can't be taken at all; it leaves no trace
   */
  push(message: In): boolean {
    return this.#sender.push(message)
  }

  /**
   * Takes raw frames that lie one after another; as many as there is room for.
   * @returns how many were taken, from the front
   */
  pushFrames(bytes: Uint8Array): number {
    return this.#sender.pushFrames(bytes)
  }

  /** Resolves when there is room. */
  async ready(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closing !== undefined) throw new ClosedError()
    while (!this.#sender.hasRoom()) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#closing !== undefined) throw new ClosedError()
      addon().wantNotice(this.#parts.handle)
      // Room that came before the asking gives no notice.
      if (this.#sender.hasRoom()) return
      await new Promise<void>((resolve) => {
        this.#ready.push(resolve)
        this.#keepAlive()
      })
    }
  }

  /**
   * Sends one message; waits for room. What it resolves with, and when, is chosen when the stream is
   * opened; a call may ask for more. A message that failed is no rejection but an outcome.
   * @throws SemelError where the message is refused and leaves no trace: it can't be encoded, is too
   * large, has no id
   * @throws AckTimeoutError, or the signal's reason: the outcome is unknown then, and the same id may be
   * sent again
   */
  send<M extends Stronger<A> = A>(
    message: In,
    options?: SendOptions<M>,
  ): Promise<Acknowledged<Out>[M]> {
    return new Promise((resolve, reject) => {
      const { mode, patience } = checkSend(options, 'send', this.acknowledge)
      this.#sender.send(message, mode, patience, { resolve: resolve as never, reject })
    })
  }

  /**
   * Sends messages in their order; waits for room. Each has a status of its own, so that one that is
   * refused or fails concerns none of the others. When the signal is given or the time over, those
   * that have not been told of are `unknown`, or `refused` where they were still waiting for room; of
   * what is no array no more is read.
   * @returns a status for each, in the order of the messages
   */
  async sendMany<M extends Stronger<A> = A>(
    messages: Iterable<In> | AsyncIterable<In>,
    options?: SendOptions<M>,
  ): Promise<readonly Status<Acknowledged<Out>[M]>[]> {
    const { mode, patience } = checkSend(options, 'sendMany', this.acknowledge)
    checkIterable(messages, 'sendMany')
    return (await this.#sender.sendMany(messages, mode, patience)) as never
  }

  /**
   * Sends messages as they come, and gives the status of each in the same order, as soon as it and
   * those before it are known. Up to `inFlight` are under way; who reads slowly slows the source down.
   * Ending the loop early reads no more of the messages; those that were sent stay sent.
   */
  outcomes<M extends Stronger<A> = A>(
    messages: Iterable<In> | AsyncIterable<In>,
    options?: SendOptions<M> & { inFlight?: number },
  ): AsyncGenerator<Status<Acknowledged<Out>[M]> & { readonly message: In }, void, undefined> {
    const { inFlight = inFlightDefault, ...send } = options ?? {}
    const { mode, patience } = checkSend(send, 'outcomes', this.acknowledge)
    checkIterable(messages, 'outcomes')
    return statusesOf(
      messages,
      wholeNumber(inFlight, 'outcomes.inFlight', 1, 1_048_576),
      patience.signal,
      (message, told) =>
        this.#sender.send(message, mode, patience, {
          resolve: (value) => told({ status: 'acknowledged', value }),
          reject: (error, isUnknown) => told({ status: isUnknown ? 'unknown' : 'refused', error }),
        }),
    ) as never
  }

  /**
   * A Node writable in object mode. A write is done when its message is taken, so that it holds back
   * where there is no room; the end when all that was written is stored.
   */
  writable(options: Pick<WritableOptions, 'highWaterMark' | 'signal'> = {}): Writable {
    return nodeWritable(this, options)
  }

  /** The same as a web stream. */
  writableStream(strategy?: QueuingStrategy<In>): WritableStream<In> {
    return webWritable(this, strategy)
  }

  /** Resolves when all that was sent or pushed so far is stored, as durably as the level makes it. */
  async flush(options: WaitOptions = {}): Promise<void> {
    checkWait(options, 'flush')
    if (this.#closing !== undefined) throw new ClosedError()
    await this.#until(
      () =>
        this.#sender.hasRoom() &&
        this.shardCounters().every(({ durable, stored }) => durable >= stored),
      options,
    )
  }

  /** Outcomes that came when nobody waited any more; each is told by the event `late-outcome`. */
  get lateOutcomes(): number {
    return this.#lateOutcomes
  }

  /** Sends all of a source, from where the directory's earlier runs have stored it. */
  consume(source: Source<In>, options: ConsumeOptions = {}): Promise<Consumed> {
    return consume({
      ...this.#parts,
      source: source as Source<unknown>,
      options,
      ingest: this.#sender.ingest,
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
    this.#sender.closeBatch()
    this.#runner?.flush()
    await this.#until(() => {
      if (!this.#sender.hasRoom()) return false
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

  /** What is guaranteed hop by hop, from the sender to the reader; `guaranteeText` makes a text of it. */
  guarantee(): Guarantee {
    return guaranteeOf(this.#parts.graph, this.#parts.settings)
  }

  /**
   * What was turned away since the stream was opened: messages of producers that number them, and what
   * the overflow policy has dropped.
   */
  doorCounters(): DoorCounters {
    const { duplicate, fenced } = this.#producers?.counters ?? { duplicate: 0, fenced: 0 }
    return { duplicate, fenced, ...this.#sender.ingest.dropped }
  }

  /** All shards together. */
  counters(): Counters {
    return sum(this.shardCounters())
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
    if (this.#last !== undefined) return
    this.#sender.advance()
    this.#releaseReady()
    this.#runner?.notify()
    this.#sender.settle()
    this.#askForNotice()
  }

  /** @internal */
  ran(event: RunnerEvent): void {
    // A worker that died may have dropped what somebody waits for.
    if (event.kind === 'worker-replaced') this.noticed()
    this.emit(event.kind as 'dead-letter', event as never)
  }

  /** @internal The stream can't go on. */
  failed(error: SemelError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#sender.fail(error)
    this.#releaseReady()
    this.#keepAlive()
    this.emit('failed', error)
  }

  #late({ shard, sequence, durability }: Stored, outcome: Outcome, told: Told): void {
    const { results: _, ...rest } = told
    this.#lateOutcomes += 1
    try {
      this.emit('late-outcome', { shard, sequence, durability, outcome, ...rest })
    } catch (error) {
      // The listener's own: the senders behind are told all the same.
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #releaseReady(): void {
    for (const resolve of this.#ready.splice(0)) resolve()
  }

  /** Inline shards of a stream that syncs see a message only after its group: they need the notice. */
  #askForNotice(): void {
    this.#keepAlive()
    if (this.#closing !== undefined && !this.#isAwaited) return
    const { handle, settings } = this.#parts
    const inlineWaits =
      settings.workers === 0 &&
      settings.durability !== 'memory' &&
      settings.durability !== 'process'
    if (inlineWaits || this.#isAwaited || this.#sender.hasOpen) addon().wantNotice(handle)
    // What came before the asking gives no notice.
    if (inlineWaits) this.#runner?.notify()
    if (this.#isAwaited) this.#sender.settle()
    if (this.#isAwaited && settings.waiting === 'spin' && settings.workers > 0) this.#spin()
  }

  /** The sender's side of `spin`: it looks at each turn of the event loop, and waits for no notice. */
  #spin(): void {
    if (this.#isSpinning) return
    this.#isSpinning = true
    setImmediate(() => {
      this.#isSpinning = false
      this.noticed()
    })
  }

  /** Whether somebody waits for an acknowledgment or for room, or a message does. */
  get #isAwaited(): boolean {
    return this.#ready.length > 0 || this.#sender.isAwaited
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

  /** Whether all who wait have been told, as far as they can be. */
  #areTold(): boolean {
    this.#sender.settle()
    if (this.#sender.isSettled) return true
    // At `{ interval }` the next sync is not waited for.
    for (let shard = 0; shard < this.shards; shard++) addon().settled(this.#parts.handle, shard)
    return false
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
        this.#sender.closeBatch()
        this.#sender.advance()
        while (!this.#sender.isTaken && performance.now() < deadline && !this.#failure) {
          this.#runner?.notify()
          await new Promise((resolve) => {
            setTimeout(resolve, pollMs)
          })
          this.#sender.advance()
        }
        this.#runner?.flush()
        await this.#until(() => this.counters().inFlight === 0 && this.#areTold(), {
          timeout: Math.max(0, deadline - performance.now()),
        }).catch(() => {})
      }
      this.#sender.ingest.close()
      await this.#runner?.stop(this.#failure === undefined ? force : Promise.resolve())
      this.#sender.settle()
    } finally {
      ended.abort()
      this.#sender.fail(this.#failure ?? new ClosedError())
      this.#releaseReady()
      this.#last = this.shardCounters()
      addon().close(handle)
    }
  }
}
