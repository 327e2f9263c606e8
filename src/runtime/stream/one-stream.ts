import type { Stored, Told } from '../../acknowledge/ends.js'
import type { Acknowledge } from '../../core/acknowledge.js'
import type { Delivery, Durability } from '../../core/delivery.js'
import type { Sourced } from '../../pipeline/deliver.js'
import { ClosedError, type SemelError } from '../../core/errors.js'
import type { Counters, Outcome } from '../../core/message.js'
import { atEndOfTick, nowMs } from '../../core/waiting/timers.js'
import { guaranteeOf, type Guarantee } from '../../delivery/guarantee.js'
import { addon, type NativeRecovery, type NativeStatus } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import { endInFlight, isLeftUnread, isSynced, notEnded } from './closing.js'
import { consumeAny, type AnySource } from '../sources/consume-any.js'
import { type Consumed, type ConsumeOptions, type Destination } from '../sources/consumption.js'
import { shardCounters, sum, type ShardCounters } from './counters.js'
import type { ShardAnswer } from '../failures/shard-event.js'
import { DeadLetters } from '../failures/dead-letters.js'
import { LetterClerk } from '../failures/letter-clerk.js'
import { Notices } from './notices.js'
import type { OutputsDesk, OutputsOwner } from '../outputs/desk.js'
import { loopOver, type OutputsLoop } from '../outputs/outputs-loop.js'
import type { Settings } from '../settings/options.js'
import { checkMessageOptions, type MessageOptions } from '../settings/send-options.js'
import { Producers, type DoorCounters } from '../door/producers.js'
import type { Runner, RunnerEvent } from '../workers/runner.js'
import { Room } from './room.js'
import { Sender } from '../door/sender.js'
import { Readings } from './readings.js'
import { stageTimes, type StageTimes } from './stage-times.js'
import { standingText, Troubles } from './standing.js'
import { Stream } from './stream.js'
import { checkWait, Wait, type WaitOptions } from '../../core/waiting/wait.js'

/** How long `close` waits for what is in flight, before it leaves that to the next opening. */
const closeTimeoutMs = 10_000

export interface StreamParts {
  readonly handle: number
  readonly graph: Graph
  readonly settings: Settings
  readonly payloadBytesMax: number
  readonly segmentBytes: number
  readonly recovered: readonly NativeRecovery[]
  /** Where outputs are read: one for all classes. */
  readonly outputs: OutputsDesk | undefined
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
  readonly #room: Room
  /** It takes nothing any more. */
  readonly #over = new AbortController()
  readonly #troubles = new Troubles()
  #failure: SemelError | undefined
  #closing: Promise<void> | undefined
  #last: ShardCounters[] | undefined
  #lastStages: StageTimes | undefined
  #lateOutcomes = 0
  readonly #readings: Readings
  readonly #owner: OutputsOwner

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
        wait: (where, options) => this.#wait(where, options),
      },
    ])
    this.#clerk = new LetterClerk({
      handle,
      dir: settings.durability === 'memory' ? '' : settings.dir,
      shards: settings.shards,
      published: () => this.#runner?.notify(),
    })
    this.#room = new Room({
      handle,
      hasRoom: () => this.sender.hasRoom(),
      checkOpen: () => this.#checkOpen(),
      standing: () => this.#standing(),
      waitingChanged: () => this.#notices.waitingChanged(),
    })
    this.#notices = new Notices({
      handle,
      settings,
      isAwaited: () => this.#room.isAwaited || this.sender.isAwaited,
      isRead: () => parts.outputs?.isAwaited === true,
      hasOpen: () => this.sender.hasOpen,
      run: () => this.#runner?.notify(),
      tellKnown: () => this.sender.tellKnown(),
      look: () => this.noticed(),
    })
    this.#owner = {
      firstShard: settings.firstShard,
      shards: settings.shards,
      waitingChanged: () => this.#notices.waitingChanged(),
    }
    parts.outputs?.open(this.#owner)
    this.sender = new Sender({
      handle,
      graph,
      settings,
      payloadBytesMax,
      producers: this.#producers,
      published: () => {
        this.#runner?.notify()
        this.sender.tellKnown()
        this.#askForNotice()
      },
      waitingChanged: () => this.#notices.waitingChanged(),
      asked: () => atEndOfTick(() => this.noticed()),
      late: (awaited, outcome, told) => this.#late(awaited, outcome, told),
    })
    this.#readings = new Readings({
      ...parts,
      sender: this.sender,
      runner: () => this.#runner,
      ready: (options) => this.ready(options),
      flush: (options) => this.flush(options),
      check: () => this.#checkOpen(),
      over: this.#over.signal,
      isOver: () => this.#last !== undefined || this.#failure !== undefined,
    })
  }

  async start(runner: Runner): Promise<void> {
    await runner.start()
    this.#runner = runner
    this.#clerk.start()
  }

  /** Where a source's messages go. */
  get destination(): Destination {
    return this.#readings.destination
  }

  push(message: In, options?: MessageOptions): boolean {
    return this.sender.push(message, checkMessageOptions(options, 'push'))
  }

  pushFrames(bytes: Uint8Array): number {
    return this.sender.pushFrames(bytes)
  }

  ready(options: WaitOptions = {}): Promise<void> {
    return this.#room.ready(options)
  }

  async flush(options: WaitOptions = {}): Promise<void> {
    const wait = this.#wait('flush', checkWait(options, 'flush'))
    await wait.until(this.sender.takenSoFar())
    const before = this.#stored()
    await wait.until(() =>
      this.shardCounters().every(({ durable }, shard) => durable >= (before[shard] as number)),
    )
  }

  #stored(): readonly number[] {
    return this.shardCounters().map(({ stored }) => stored)
  }

  get isOver(): boolean {
    return this.#failure !== undefined || this.#closing !== undefined
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

  async consume(source: AnySource<Sourced<In>>, options: ConsumeOptions = {}): Promise<Consumed> {
    const { destination } = this
    return consumeAny(source, (event) => this.emit('source-failed', event), {
      name: this.name,
      options,
      destinations: [destination],
      check: (message) => destination.ingest.check(message),
      classOf: () => 0,
    })
  }

  async drain(options: WaitOptions = {}): Promise<void> {
    const wait = this.#wait('drain', checkWait(options, 'drain'))
    this.sender.closeBatch()
    this.#runner?.flush()
    await wait.until(this.sender.takenSoFar())
    const before = this.#stored()
    await wait.until(() =>
      this.#statuses().every(({ through, parkedFirst }, shard) => {
        const stored = before[shard] as number
        return through >= stored && (parkedFirst === 0 || parkedFirst > stored)
      }),
    )
    // Where commits never pause, all of them are never durable at once: a later one tells as well.
    const after = this.#statuses()
    await wait.until(() =>
      this.#statuses().every(
        ({ ended, durable }, shard) =>
          // Asked first, since it hurries the sync.
          (addon().acksDurable(this.#parts.handle, shard) ||
            ended > (after[shard] as NativeStatus).through) &&
          durable >= (before[shard] as number),
      ),
    )
  }

  async close(options: { timeout?: number } = {}): Promise<void> {
    const { timeout = closeTimeoutMs } = checkWait(options, 'close', ['timeout'])
    this.#closing ??= this.#close(timeout)
    this.#over.abort(new ClosedError())
    return this.#closing
  }

  outputs(options?: Pick<WaitOptions, 'signal'>): OutputsLoop<Out> {
    return loopOver(this.#parts.outputs, this.#parts.graph, options)
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
    const { firstShard } = this.#parts.settings
    return this.#statuses().map((status, shard) => shardCounters(firstShard + shard, status))
  }

  #statuses(): NativeStatus[] {
    const { handle, settings } = this.#parts
    return Array.from({ length: settings.shards }, (_, shard) => addon().status(handle, shard))
  }

  stages(): StageTimes {
    return this.#lastStages ?? stageTimes(addon().stages(this.#parts.handle))
  }

  /** The native core has made progress that somebody waits for. */
  noticed(): void {
    if (this.#last !== undefined) return
    this.sender.advance()
    this.#room.look()
    this.#runner?.notify()
    this.sender.tellKnown()
    this.#askForNotice()
  }

  answered(answer: ShardAnswer): void {
    this.#readings.answered(answer)
  }

  ran(event: RunnerEvent): void {
    // A worker that died may have dropped what somebody waits for.
    if (event.kind === 'worker-replaced') this.noticed()
    const { handle } = this.#parts
    this.#troubles.note(event, (shard) => addon().status(handle, shard).through)
    const { firstShard } = this.#parts.settings
    const told = 'shard' in event ? { ...event, shard: firstShard + event.shard } : event
    this.emit(event.kind as 'dead-letter', told as never)
  }

  /** The stream can't go on. */
  failed(error: SemelError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#over.abort(error)
    this.sender.fail(error)
    this.#room.look()
    this.#readings.close()
    this.#notices.end()
    this.#parts.outputs?.close(this.#owner, error)
    this.emit('failed', error)
  }

  #late({ shard, sequence, durability }: Stored, outcome: Outcome, told: Told): void {
    const { results: _, ...rest } = told
    this.#lateOutcomes += 1
    this.emit('late-outcome', { shard, sequence, durability, outcome, ...rest })
  }

  #askForNotice(): void {
    this.#notices.ask(this.#closing !== undefined)
  }

  #wait(where: string, options: WaitOptions): Wait {
    this.#checkOpen()
    return new Wait({
      where,
      options,
      check: () => {
        if (this.#failure !== undefined) throw this.#failure
        if (this.#last !== undefined) throw new ClosedError()
      },
      standing: () => this.#standing(),
      // Also what has come into a batch since.
      nudge: () => this.#runner?.flush(),
    })
  }

  #checkOpen(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closing !== undefined) throw new ClosedError()
  }

  #standing(): string {
    return standingText({
      shards: this.shardCounters(),
      firstShard: this.#parts.settings.firstShard,
      waitingForRoom: this.sender.waitingForRoom,
      troubles: this.#troubles,
      isUnread: (shard) => this.#parts.outputs?.isUnread(shard) === true,
    })
  }

  async #close(timeout: number): Promise<void> {
    this.#clerk.stop()
    const deadlineMs = nowMs() + timeout
    const left: string[] = []
    const { handle, settings, outputs } = this.#parts
    const parts = {
      handle,
      shards: this.shards,
      sender: this.sender,
      runner: this.#runner,
      hasFailed: () => this.#failure !== undefined,
      isUnread: (shard: number) => outputs?.isUnread(settings.firstShard + shard) === true,
    }
    let canClose = true
    try {
      if (this.#failure === undefined) await endInFlight(parts, deadlineMs)
      this.sender.ingest.close()
      const isLeft = this.#failure !== undefined || isLeftUnread(parts)
      const endMs = isLeft ? nowMs() : deadlineMs
      if (this.#runner !== undefined) left.push(...(await this.#runner.stop(endMs)))
      this.sender.tellKnown()
      canClose = await isSynced(parts, deadlineMs)
    } finally {
      this.sender.fail(this.#failure ?? new ClosedError())
      this.#room.look()
      this.#clerk.tidy()
      this.#last = this.shardCounters()
      this.#lastStages = this.stages()
      this.#readings.close()
      this.#notices.end()
      outputs?.close(this.#owner)
      if (canClose) addon().close(handle)
      else left.push('a sync of the directory, which stays locked until the process ends')
    }
    if (left.length > 0) throw notEnded(timeout, left)
  }
}
