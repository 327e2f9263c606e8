import { SemelError, toError } from '../core/errors.js'
import type { Graph } from '../pipeline/graph.js'
import { Pulse } from './heartbeat.js'
import type { Runner, RunnerListener } from './runner.js'
import { openShard, type Directories } from './shard-open.js'
import type { ShardLoop } from './shard-loop.js'

export interface InlineParts {
  readonly handle: number
  readonly shardCount: number
  readonly firstShard: number
  readonly shardsOfAll: number
  readonly graph: Graph
  readonly durability: unknown
  readonly directories: Directories
}

/** How soon a stalled shard looks again: nothing tells it that ids have aged out. */
const stalledMs = 10
/** Steps of a loop before the caller's event loop gets its turn. */
const stepsMax = 64

/** The shards on the caller's thread: the same loops, run whenever something has happened. */
export class Inline implements Runner {
  readonly #parts: InlineParts
  readonly #listener: RunnerListener
  readonly #loops: ShardLoop[] = []
  readonly #closers: (() => Promise<void>)[] = []
  #scheduled: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #isRunning = false
  #stopped = false
  #idle: (() => void) | undefined

  constructor(parts: InlineParts, listener: RunnerListener) {
    this.#parts = parts
    this.#listener = listener
  }

  async start(): Promise<void> {
    try {
      await this.#openShards()
    } catch (error) {
      await this.#end()
      throw error
    }
    this.#schedule()
  }

  async #openShards(): Promise<void> {
    for (let shard = 0; shard < this.#parts.shardCount; shard++) {
      const { loop, close } = await openShard({
        ...this.#parts,
        shard,
        // Nobody looks: on the caller's own thread there is nothing to replace.
        pulse: new Pulse(new Int32Array(1)),
        tell: (event) => this.#listener.event(event),
        kick: () => this.#schedule(),
      })
      this.#loops.push(loop)
      this.#closers.push(close)
    }
  }

  notify(): void {
    this.#run()
  }

  flush(): void {
    for (const loop of this.#loops) loop.flushBatches()
    this.#run()
  }

  async stop(force: Promise<void>): Promise<void> {
    this.flush()
    if (!this.#isIdle()) {
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve
      })
      await Promise.race([idle, force])
    }
    await this.#end()
  }

  async #end(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearImmediate(this.#scheduled)
    for (const loop of this.#loops) loop.stop()
    for (const close of this.#closers) await close()
  }

  #isIdle(): boolean {
    return this.#loops.every((loop) => !loop.isWaiting)
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
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
    for (const loop of this.#loops) {
      dueMs = Math.min(dueMs, loop.dueInMs, loop.isStalled ? stalledMs : Infinity)
    }
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (dueMs === Infinity) return
    this.#timer = setTimeout(() => this.#run(), Math.max(1, Math.min(dueMs, 1 << 30)))
  }
}
