import { ClosedError, SemelError, toError } from '../../core/errors.js'
import { after, nextTurn, nowMs, within, type End } from '../../core/waiting/timers.js'
import { sinkNames, type Graph } from '../../pipeline/graph.js'
import type { GiveUps } from '../operators/given-up.js'
import { Pulse } from '../loop/heartbeat.js'
import type { Runner, RunnerListener } from './runner.js'
import { Resources } from './resources.js'
import type { OutputReader } from '../../core/sink.js'
import { openShard, type Directories } from '../loop/shard-open.js'
import type { OutputsDesk } from '../outputs/desk.js'
import type { ShardLoop } from '../loop/shard-loop.js'

export interface InlineParts {
  readonly handle: number
  readonly shardCount: number
  readonly storedBefore: readonly number[]
  readonly firstShard: number
  readonly shardsOfAll: number
  readonly graph: Graph
  readonly durability: unknown
  /** Whether somebody waits for outcomes: a handler may, on the same thread. */
  readonly outcomesAwaited: () => boolean
  readonly directories: Directories
  readonly lineage: string
  readonly isJournaled: boolean
  readonly sinkNumbers: readonly number[]
  readonly limitMemory: SharedArrayBuffer
  /** Where outputs are read. */
  readonly outputs: OutputsDesk | undefined
}

/** How soon a stalled shard looks again: nothing tells it that ids have aged out. */
const stalledMs = 10
/** What a sink has for its close where the time is over. */
const closeMsMin = 1000
/** Steps of a loop before the caller's event loop gets its turn. */
const stepsMax = 64

/** The shards on the caller's thread: the same loops, run whenever something has happened. */
export class Inline implements Runner {
  readonly #parts: InlineParts
  readonly #listener: RunnerListener
  readonly #loops: ShardLoop[] = []
  readonly #closers: (() => Promise<void>)[] = []
  #resources: Resources | undefined
  #scheduled: End | undefined
  #endRest: End | undefined
  #isRunning = false
  #stopped = false
  #idle: (() => void) | undefined

  constructor(parts: InlineParts, listener: RunnerListener) {
    this.#parts = parts
    this.#listener = listener
  }

  async start(): Promise<void> {
    try {
      this.#resources = await Resources.open(this.#parts.graph)
      await this.#openShards()
    } catch (error) {
      await this.#end(nowMs())
      throw error
    }
    this.#schedule()
  }

  #readerOf(outputs: OutputsDesk, shard: number): OutputReader {
    const { firstShard, graph } = this.#parts
    return outputs.readerOf({
      shard: firstShard + shard,
      isDoneWhenGiven: graph.deliver.delivery === 'at-most-once',
      unread: () => this.#listener.event({ kind: 'stalled', shard, reason: 'outputs' }),
    })
  }

  async #openShards(): Promise<void> {
    const { outputs } = this.#parts
    const readerOf = outputs && ((shard: number) => this.#readerOf(outputs, shard))
    for (let shard = 0; shard < this.#parts.shardCount; shard++) {
      const { loop, close } = await openShard({
        ...this.#parts,
        shard,
        // Nobody looks: on the caller's own thread there is nothing to replace.
        pulse: new Pulse(new Int32Array(1)),
        tell: (event) => this.#listener.event(event),
        answer: (answer) => this.#listener.answer(answer),
        kick: () => this.#schedule(),
        readerOf,
      })
      if (this.#stopped) {
        // The opening was given up meanwhile.
        await close()
        throw new ClosedError()
      }
      this.#loops.push(loop)
      this.#closers.push(close)
    }
  }

  notify(): void {
    this.#run()
  }

  giveUp(list: GiveUps): void {
    for (const loop of this.#loops) loop.giveUp(list)
    this.#schedule()
  }

  flush(): void {
    for (const loop of this.#loops) loop.flushBatches()
    this.#run()
  }

  async stop(deadlineMs: number): Promise<readonly string[]> {
    this.flush()
    if (!this.#isIdle()) {
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve
      })
      await within(idle, Math.max(0, deadlineMs - nowMs()))
    }
    return this.#end(deadlineMs)
  }

  /** What could not be ended. */
  async #end(deadlineMs: number): Promise<readonly string[]> {
    this.#stopped = true
    this.#endRest?.()
    this.#scheduled?.()
    for (const loop of this.#loops) loop.stop()
    const closeMs = Math.max(closeMsMin, deadlineMs - nowMs())
    const left: string[] = []
    const closing = this.#closers.map(async (close, shard) => {
      const pending = close()
      if (!(await within(pending, closeMs))) left.push(this.#sinkOf(shard))
      else await pending
    })
    const closed = await Promise.allSettled(closing)
    const resources = this.#resources?.close() ?? Promise.resolve()
    if (await within(resources, closeMs)) closed.push(...(await Promise.allSettled([resources])))
    else left.push(`a resource of ${this.#parts.graph.name}, which has not closed`)
    for (const one of closed) if (one.status === 'rejected') throw one.reason
    return left
  }

  #sinkOf(shard: number): string {
    const { graph, firstShard } = this.#parts
    return `the sink ${sinkNames(graph)} of shard ${firstShard + shard}, which has not closed`
  }

  #isIdle(): boolean {
    return this.#loops.every((loop) => !loop.isWaiting)
  }

  #schedule(): void {
    this.#scheduled ??= nextTurn(() => {
      this.#scheduled = undefined
      this.#run()
    })
  }

  #run(): void {
    if (this.#isRunning || this.#stopped) return
    this.#isRunning = true
    let busy = true
    try {
      for (let steps = 0; busy && steps < stepsMax; steps++) {
        busy = false
        for (const loop of this.#loops) busy = loop.step() || busy
      }
    } catch (error) {
      this.#stopped = true
      this.#listener.failed(
        error instanceof SemelError
          ? error
          : new SemelError('SEMEL_SHARD', toError(error).message, { cause: error }),
      )
      this.#idle?.()
      return
    } finally {
      this.#isRunning = false
    }
    if (busy) this.#schedule()
    else if (this.#isIdle()) this.#idle?.()
    this.#planRetry()
  }

  #planRetry(): void {
    let dueMs = Infinity
    let asideMs = Infinity
    for (const loop of this.#loops) {
      dueMs = Math.min(dueMs, loop.dueInMs, loop.isStalled ? stalledMs : Infinity)
      asideMs = Math.min(asideMs, loop.asideInMs)
    }
    this.#endRest?.()
    this.#endRest = undefined
    const nextMs = Math.max(1, Math.min(dueMs, asideMs))
    if (nextMs === Infinity) return
    // A message that runs for ever keeps no process alive; who waits for one does.
    const keepsAlive = dueMs !== Infinity
    this.#endRest = after(nextMs, () => this.#run(), { keepsAlive })
  }
}
