import type { Stored, Told } from '../acknowledge/ends.js'
import type { Acknowledge } from '../core/acknowledge.js'
import type { Delivery, Durability } from '../core/delivery.js'
import { ClosedError, SemelError } from '../core/errors.js'
import type { Counters, Outcome } from '../core/message.js'
import type { Source } from '../core/source.js'
import { guaranteeOf, type Guarantee } from '../delivery/guarantee.js'
import { addon, type NativeRecovery } from '../native/addon.js'
import type { Graph } from '../pipeline/graph.js'
import { consume, type Consumed, type ConsumeOptions, type Destination } from './consume.js'
import { shardCounters, sum, type ShardCounters } from './counters.js'
import { DeadLetters } from './dead-letters.js'
import { LetterClerk } from './letter-clerk.js'
import { Notices } from './notices.js'
import type { Settings } from './options.js'
import { Producers, type DoorCounters } from './producers.js'
import type { Runner, RunnerEvent } from './runner.js'
import { Sender } from './sender.js'
import { SourceClaims } from './source-claims.js'
import { SourceOffsets } from './source-offsets.js'
import { stageTimes, type StageTimes } from './stage-times.js'
import { Stream } from './stream.js'
import { checkWait, type WaitOptions } from './wait.js'

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

/** A stream whose messages all have one delivery, or one class of a stream whose messages choose. */
export class OneStream<In, Out = unknown, A extends Acknowledge = Acknowledge> extends Stream<
  In,
  Out,
  A
> {
  readonly name: string
  readonly delivery: Delivery
  readonly durability: Durability
  readonly acknowledge: A
  readonly shards: number
  readonly workers: number
  readonly classes = [this]
  readonly opened: Counters
  readonly deadLetters: DeadLetters
  /** What a message goes in by. */
  readonly sender: Sender
  readonly #parts: StreamParts
  readonly #notices: Notices
  readonly #clerk: LetterClerk
  readonly #producers: Producers | undefined
  #runner: Runner | undefined
  #ready: (() => void)[] = []
  #failure: SemelError | undefined
  #closing: Promise<void> | undefined
  #last: ShardCounters[] | undefined
  #lastStages: StageTimes | undefined
  #lateOutcomes = 0
  /** Of all readings of this opening. */
  #sourceOffsets: SourceOffsets | undefined
  readonly #sourceClaims = new SourceClaims()

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
    this.opened = sum(this.shardCounters())
    this.deadLetters = new DeadLetters([
      {
        handle,
        graph,
        firstShard: settings.firstShard,
        shards: settings.shards,
        ready: () => this.ready(),
      },
    ])
    this.#clerk = new LetterClerk({
      handle,
      dir: settings.durability === 'memory' ? '' : settings.dir,
      shards: settings.shards,
      published: () => this.#runner?.notify(),
    })
    this.#notices = new Notices({
      handle,
      settings,
      isAwaited: () => this.#ready.length > 0 || this.sender.isAwaited,
      hasOpen: () => this.sender.hasOpen,
      run: () => this.#runner?.notify(),
      settle: () => this.sender.settle(),
      look: () => this.noticed(),
    })
    this.sender = new Sender({
      handle,
      graph,
      settings,
      payloadBytesMax,
      producers: this.#producers,
      published: () => {
        this.#runner?.notify()
        this.sender.settle()
        this.#askForNotice()
      },
      waitingChanged: () => this.#notices.waitingChanged(),
      asked: () => queueMicrotask(() => this.noticed()),
      late: (awaited, outcome, told) => this.#late(awaited, outcome, told),
    })
  }

  async start(runner: Runner): Promise<void> {
    await runner.start()
    this.#runner = runner
    this.#clerk.start()
  }

  /** Where a source's messages go. */
  get destination(): Destination {
    this.#sourceOffsets ??= new SourceOffsets(this.#parts)
    return {
      ...this.#parts,
      ingest: this.sender.ingest,
      ready: () => this.ready(),
      offsets: this.#sourceOffsets,
      claims: this.#sourceClaims,
    }
  }

  push(message: In): boolean {
    return this.sender.push(message)
  }

  pushFrames(bytes: Uint8Array): number {
    return this.sender.pushFrames(bytes)
  }

  async ready(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closing !== undefined) throw new ClosedError()
    while (!this.sender.hasRoom()) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#closing !== undefined) throw new ClosedError()
      addon().wantNotice(this.#parts.handle)
      // Room that came before the asking gives no notice.
      if (this.sender.hasRoom()) return
      await new Promise<void>((resolve) => {
        this.#ready.push(resolve)
        this.#notices.waitingChanged()
      })
    }
  }

  async flush(options: WaitOptions = {}): Promise<void> {
    checkWait(options, 'flush')
    if (this.#closing !== undefined) throw new ClosedError()
    await this.#until(
      () =>
        this.sender.hasRoom() &&
        this.shardCounters().every(({ durable, stored }) => durable >= stored),
      options,
    )
  }

  get lateOutcomes(): number {
    return this.#lateOutcomes
  }

  protected checked(message: In): unknown {
    return message
  }

  protected senderOf(): Sender {
    return this.sender
  }

  async consume(source: Source<In>, options: ConsumeOptions = {}): Promise<Consumed> {
    const { destination } = this
    return consume({
      name: this.name,
      source: source as Source<unknown>,
      options,
      destinations: [destination],
      check: (message) => destination.ingest.check(message),
      classOf: () => 0,
    })
  }

  async drain(options: WaitOptions = {}): Promise<void> {
    checkWait(options, 'drain')
    if (this.#closing !== undefined) throw new ClosedError()
    this.sender.closeBatch()
    this.#runner?.flush()
    await this.#until(() => {
      if (!this.sender.hasRoom()) return false
      return this.shardCounters().every(
        ({ inFlight, parked, stored, durable }, shard) =>
          inFlight === 0 &&
          parked === 0 &&
          addon().settled(this.#parts.handle, shard) &&
          durable >= stored,
      )
    }, options)
  }

  async close(options: { timeout?: number } = {}): Promise<void> {
    const { timeout = closeTimeoutMs } = checkWait(options, 'close', ['timeout'])
    this.#closing ??= this.#close(timeout)
    return this.#closing
  }

  guarantee(): Guarantee {
    return guaranteeOf(this.#parts.graph, this.#parts.settings)
  }

  doorCounters(): DoorCounters {
    const { duplicate, fenced } = this.#producers?.counters ?? { duplicate: 0, fenced: 0 }
    return { duplicate, fenced, ...this.sender.ingest.dropped }
  }

  shardCounters(): ShardCounters[] {
    // What stood at the end, once the stream is closed.
    if (this.#last !== undefined) return this.#last
    const { handle, settings } = this.#parts
    return Array.from({ length: settings.shards }, (_, shard) =>
      shardCounters(settings.firstShard + shard, addon().status(handle, shard)),
    )
  }

  stages(): StageTimes {
    return this.#lastStages ?? stageTimes(addon().stages(this.#parts.handle))
  }

  /** The native core has made progress that somebody waits for. */
  noticed(): void {
    if (this.#last !== undefined) return
    this.sender.advance()
    this.#releaseReady()
    this.#runner?.notify()
    this.sender.settle()
    this.#askForNotice()
  }

  ran(event: RunnerEvent): void {
    // A worker that died may have dropped what somebody waits for.
    if (event.kind === 'worker-replaced') this.noticed()
    const { firstShard } = this.#parts.settings
    const told = 'shard' in event ? { ...event, shard: firstShard + event.shard } : event
    this.emit(event.kind as 'dead-letter', told as never)
  }

  /** The stream can't go on. */
  failed(error: SemelError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.sender.fail(error)
    this.#releaseReady()
    this.#notices.end()
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

  #askForNotice(): void {
    this.#notices.ask(this.#closing !== undefined)
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
    this.sender.settle()
    if (this.sender.isSettled) return true
    // At `{ interval }` the next sync is not waited for.
    for (let shard = 0; shard < this.shards; shard++) addon().settled(this.#parts.handle, shard)
    return false
  }

  async #close(timeout: number): Promise<void> {
    const { handle } = this.#parts
    this.#clerk.stop()
    const ended = new AbortController()
    const force = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeout)
      ended.signal.addEventListener('abort', () => clearTimeout(timer))
    })
    try {
      if (this.#failure === undefined) {
        const deadline = performance.now() + timeout
        this.sender.closeBatch()
        this.sender.advance()
        while (!this.sender.isTaken && performance.now() < deadline && !this.#failure) {
          this.#runner?.notify()
          await new Promise((resolve) => {
            setTimeout(resolve, pollMs)
          })
          this.sender.advance()
        }
        this.#runner?.flush()
        await this.#until(() => this.counters().inFlight === 0 && this.#areTold(), {
          timeout: Math.max(0, deadline - performance.now()),
        }).catch(() => {})
      }
      this.sender.ingest.close()
      await this.#runner?.stop(this.#failure === undefined ? force : Promise.resolve())
      this.sender.settle()
    } finally {
      ended.abort()
      this.sender.fail(this.#failure ?? new ClosedError())
      this.#releaseReady()
      this.#clerk.tidy()
      this.#last = this.shardCounters()
      this.#lastStages = this.stages()
      this.#notices.end()
      addon().close(handle)
    }
  }
}
