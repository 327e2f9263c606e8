import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { SemelError, toError } from '../../core/errors.js'
import { after, within } from '../../core/waiting/timers.js'
import { addon } from '../../native/addon.js'
import type { ShardAnswer } from '../failures/shard-event.js'
import { noGiveUps, type GiveUps } from '../operators/given-up.js'
import type { ShardOutputs } from '../outputs/desk.js'
import type { HandedOver, TakenOver } from '../outputs/outputs-port.js'
import { Inquest } from './inquest.js'
import type { RunnerEvent, RunnerListener } from './runner.js'
import { endMsMax, WorkerThread } from './worker-thread.js'
import type { WorkerEnd } from './worker.js'
import type { ToGiveUp, WorkerParts } from './worker-parts.js'

export interface KeeperParts extends WorkerParts {
  readonly worker: number
  readonly control: Int32Array
  readonly counter: Int32Array
}

/** Keeps one worker going: a thread that dies is followed by another, until the stream stops or fails. */
export class WorkerKeeper {
  readonly #parts: KeeperParts
  readonly #listener: RunnerListener
  readonly #thread: WorkerThread
  readonly #inquest: Inquest
  #stopping = false
  #givenUp = noGiveUps
  /** To the thread that runs. */
  #port: MessagePort | undefined
  #endDelay: (() => void) | undefined
  /** Resolves when no thread will follow. */
  ended: Promise<void> = Promise.resolve()

  constructor(parts: KeeperParts, listener: RunnerListener) {
    this.#parts = parts
    this.#listener = listener
    this.#thread = new WorkerThread(parts)
    this.#inquest = new Inquest({ ...parts, ...parts.task }, listener)
  }

  /** Resolves when its shards are open. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.ended = this.#keep(resolve, reject)
    })
  }

  /** The thread that runs is told, and so is each that follows. */
  giveUp(list: GiveUps): void {
    this.#givenUp = list
    this.#port?.postMessage({ kind: 'give-up', list } satisfies ToGiveUp)
  }

  /** No other thread is to follow. */
  stop(): void {
    this.#stopping = true
    this.#endDelay?.()
  }

  /**
   * Ends its thread, wherever that is. Nothing is done in its name afterwards.
   * @returns what could not be ended
   */
  async destroy(): Promise<string | undefined> {
    this.stop()
    const isGone = await this.#thread.destroy()
    if (isGone && (await within(this.ended, endMsMax))) return undefined
    const { task, worker } = this.#parts
    addon().fence(task.handle, worker)
    return `the thread of worker ${worker}, which is inside a native call that blocks`
  }

  async #keep(ready: () => void, refused: (error: unknown) => void): Promise<void> {
    let isReady = false
    while (!this.#stopping) {
      try {
        const { failure } = await this.#run(() => {
          isReady = true
          ready()
        })
        if (failure === undefined) return
        const { code, message, retriable } = failure
        throw new SemelError(code, message, { retriable })
      } catch (error) {
        if (this.#stopping) break
        if (!isReady) {
          refused(error)
          return
        }
        if (error instanceof SemelError && !error.retriable) {
          this.#fail(error)
          return
        }
        if (!(await this.#replace(error))) return
      }
    }
    refused(new SemelError('SEMEL_CLOSED', 'the stream was closed before its workers had started'))
  }

  /** Whether another thread is to follow. */
  async #replace(error: unknown): Promise<boolean> {
    try {
      const { deaths, delayMs } = await this.#inquest.hold(error)
      if (this.#stopping) return false
      const { worker } = this.#parts
      const { message } = toError(error)
      this.#listener.event({ kind: 'worker-replaced', worker, error: message, deaths })
      await this.#delay(delayMs)
      return true
    } catch (failure) {
      if (!this.#stopping) this.#fail(failure)
      return false
    }
  }

  #fail(error: unknown): void {
    addon().fence(this.#parts.task.handle, this.#parts.worker)
    this.#listener.failed(
      error instanceof SemelError
        ? error
        : new SemelError('SEMEL_WORKER', toError(error).message, { cause: error }),
    )
  }

  async #run(ready: () => void): Promise<WorkerEnd> {
    const { worker, workers, control, counter, task } = this.#parts
    const { port1, port2 } = new MessageChannel()
    const outputs = new Map<number, ShardOutputs>()
    const heard = (event: RunnerEvent | ShardAnswer | HandedOver | { kind: 'ready' }): void => {
      if (event.kind === 'outputs') {
        outputs.get(event.shard)?.put(event.outputs, event.committed)
        return
      }
      if (event.kind === 'gave-up' || event.kind === 'given-up-from') {
        this.#listener.answer(event)
        return
      }
      if (event.kind !== 'ready') {
        this.#listener.event(event)
        return
      }
      this.#thread.started()
      ready()
    }
    port1.on('message', heard)
    port1.unref()
    const shards: number[] = []
    for (let shard = worker; shard < task.shardCount; shard += workers) shards.push(shard)
    for (const shard of shards) {
      const own = this.#outputsOf(shard, (count) =>
        port1.postMessage({ kind: 'taken', shard, count } satisfies TakenOver),
      )
      if (own !== undefined) outputs.set(shard, own)
    }
    try {
      const givenUp = this.#givenUp
      const own = { worker, shards, control, counter, events: port2, givenUp }
      this.#port = port1
      return await this.#thread.run({ ...task, ...own })
    } finally {
      this.#port = undefined
      // What a thread has told before its end counts.
      for (let one; (one = receiveMessageOnPort(port1)) !== undefined;)
        heard(one.message as RunnerEvent)
      for (const own of outputs.values()) own.end()
      port1.close()
    }
  }

  #outputsOf(shard: number, tell: (count: number) => void): ShardOutputs | undefined {
    const { outputs, task } = this.#parts
    return outputs?.add({
      shard: task.firstShard + shard,
      isDoneWhenGiven: task.delivery === 'at-most-once',
      tell,
      unread: () => this.#listener.event({ kind: 'stalled', shard, reason: 'outputs' }),
    })
  }

  async #delay(ms: number): Promise<void> {
    if (ms === 0 || this.#stopping) return
    await new Promise<void>((resolve) => {
      const end = after(ms, resolve)
      this.#endDelay = () => {
        end()
        resolve()
      }
    })
    this.#endDelay = undefined
  }
}
