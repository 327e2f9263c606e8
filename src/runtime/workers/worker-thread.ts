import { createRequire } from 'node:module'
import type { Piscina } from 'piscina'
import { SemelError } from '../../core/errors.js'
import { turn, within } from '../../core/waiting/timers.js'
import { Watch } from '../loop/heartbeat.js'
import type { WorkerEnd, WorkerTask } from './worker.js'

/**
 * Loaded when the first thread is wanted: a bundler that took it in would make the program fail before
 * semel could say that it must not be bundled.
 */
function poolClass(): typeof Piscina {
  return (createRequire(import.meta.url)('piscina') as { Piscina: typeof Piscina }).Piscina
}

/** How long a thread that was told to end may take: it can't while it is inside a native call. */
export const endMsMax = 5000

export interface WorkerThreadOptions {
  readonly worker: number
  readonly counter: Int32Array
  /** 0: it is never terminated. */
  readonly heartbeatMs: number
  /** Of its heap; undefined: as V8 bounds it. */
  readonly memoryBytes: number | undefined
}

/**
 * A worker's thread, and the next one when it has died: a pool of one, so that it is known which thread
 * runs the task. Piscina rejects a task as soon as it knows that the thread will end; here a task is
 * over when its thread is gone, and the shards can be handed on.
 */
export class WorkerThread {
  readonly #worker: number
  readonly #pool: Piscina
  readonly #watch: Watch
  #abort = new AbortController()
  /** Why the thread was terminated, where it was. */
  #reason: Error | undefined
  #gone: Promise<boolean> = Promise.resolve(true)

  constructor({ worker, counter, heartbeatMs, memoryBytes }: WorkerThreadOptions) {
    this.#worker = worker
    const Pool = poolClass()
    this.#pool = new Pool({
      filename: new URL('worker.js', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.MAX_SAFE_INTEGER,
      // A worker waits for messages in the ring, not for tasks.
      atomics: 'disabled',
      closeTimeout: 1000,
      ...(memoryBytes === undefined
        ? {}
        : { resourceLimits: { maxOldGenerationSizeMb: Math.floor(memoryBytes / 1024 ** 2) } }),
    } as never)
    // What a thread throws when its task is over concerns nobody.
    this.#pool.on('error', () => {})
    this.#watch = new Watch(counter, heartbeatMs, () => {
      this.#reason = new Error(
        `no sign of life for ${heartbeatMs} ms (an endless loop, or a call that blocks)`,
      )
      this.#abort.abort()
    })
  }

  /**
   * Runs the task to its end.
   * @throws SemelError `SEMEL_WORKER` where the thread can't be ended
   * @throws Error what it died of; it is gone
   */
  async run(task: WorkerTask): Promise<WorkerEnd> {
    this.#reason = undefined
    const abort = new AbortController()
    this.#abort = abort
    const done = this.#pool.run(task, {
      transferList: [task.events] as never,
      signal: abort.signal,
    })
    const thread = this.#pool.threads[0]
    let onExit!: () => void
    const gone = new Promise<void>((resolve) => {
      onExit = () => resolve()
      if (thread === undefined) resolve()
      else thread.once('exit', onExit)
    })
    this.#watch.begin()
    try {
      const end = (await Promise.race([done, neverBegan(gone)])) as WorkerEnd
      // The thread is there still, and may be given the next task.
      thread?.off('exit', onExit)
      return end
    } catch (error) {
      abort.abort()
      // A task that failed by itself has left its thread alive.
      void thread?.terminate()
      this.#gone = within(gone, endMsMax)
      if (await this.#gone) throw this.#reason ?? error
      throw new SemelError(
        'SEMEL_WORKER',
        `worker ${this.#worker} was terminated and has not ended in ${endMsMax} ms, so it is inside a native call that blocks: ${(this.#reason ?? (error as Error)).message}; mend that call, and restart the process to be rid of its thread`,
        { cause: error },
      )
    } finally {
      this.#watch.end()
    }
  }

  /** The task says that it has started. */
  started(): void {
    this.#watch.started()
  }

  /** Whether all of it is gone; where not, it is inside a native call. */
  async destroy(): Promise<boolean> {
    this.#watch.end()
    const destroyed = within(this.#pool.destroy(), endMsMax)
    return (await destroyed) && (await this.#gone)
  }
}

/** A thread that ends before it was given its task leaves that in piscina's queue, for nobody. */
async function neverBegan(gone: Promise<void>): Promise<never> {
  await gone
  // What piscina knows of the end comes first.
  await turn()
  throw new Error('the thread ended before it had started')
}
