import { MessageChannel } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { SemelError, toError } from '../core/errors.js'
import { addon } from '../native/addon.js'
import type { Runner, RunnerEvent, RunnerListener } from './runner.js'
import { controls, type WorkerEnd, type WorkerTask } from './worker.js'

/** A worker that dies this often without a message done in between ends the stream. */
const deathsMax = 10
const restartDelayMs = 50

export type WorkerParts = Omit<WorkerTask, 'worker' | 'shards' | 'control' | 'events'> & {
  readonly workers: number
}

/**
 * The shards on worker threads: piscina owns the threads, and each runs one task as long as the stream
 * is open. A worker that dies is replaced; what it had not committed is delivered again.
 */
export class Workers implements Runner {
  readonly #parts: WorkerParts
  readonly #listener: RunnerListener
  readonly #pool: Piscina
  readonly #control: Int32Array
  readonly #running: Promise<void>[] = []
  #stopping = false
  #failed = false

  constructor(parts: WorkerParts, listener: RunnerListener) {
    this.#parts = parts
    this.#listener = listener
    this.#control = new Int32Array(new SharedArrayBuffer(4 * parts.workers))
    this.#pool = new Piscina({
      filename: new URL('worker.js', import.meta.url).href,
      minThreads: parts.workers,
      maxThreads: parts.workers,
      idleTimeout: Number.MAX_SAFE_INTEGER,
      // A worker waits for messages in the ring, not for tasks.
      atomics: 'disabled',
      closeTimeout: 1000,
    } as never)
  }

  async start(): Promise<void> {
    const ready: Promise<void>[] = []
    for (let worker = 0; worker < this.#parts.workers; worker++) {
      ready.push(
        new Promise((resolve, reject) => {
          this.#running.push(this.#keep(worker, resolve, reject))
        }),
      )
    }
    try {
      await Promise.all(ready)
    } catch (error) {
      this.#stopping = true
      await this.#pool.destroy()
      throw error
    }
  }

  notify(): void {
    // The native core wakes a worker that waits.
  }

  flush(): void {
    this.#tell(controls.flush)
  }

  async stop(force: Promise<void>): Promise<void> {
    this.#stopping = true
    this.#tell(controls.stop)
    await Promise.race([Promise.all(this.#running), force])
    await this.#pool.destroy()
  }

  #tell(control: number): void {
    for (let worker = 0; worker < this.#parts.workers; worker++) {
      // `stop` is never taken back.
      if (this.#control[worker] !== controls.stop) Atomics.store(this.#control, worker, control)
      addon().wake(this.#parts.handle, worker)
    }
  }

  /** Runs one worker's task again and again, until the stream stops or fails. */
  async #keep(worker: number, ready: () => void, refused: (error: unknown) => void): Promise<void> {
    let isReady = false
    let deaths = 0
    let done = this.#done(worker)
    for (;;) {
      try {
        const { failure } = await this.#run(worker, () => {
          isReady = true
          ready()
        })
        if (failure === undefined) return
        throw new SemelError(failure.code, failure.message)
      } catch (error) {
        if (this.#stopping) return
        const now = this.#done(worker)
        deaths = now === done ? deaths + 1 : 1
        done = now
        const final = error instanceof SemelError || deaths >= deathsMax
        if (!isReady) {
          refused(error)
          return
        }
        if (final) {
          this.#fail(worker, error, deaths)
          return
        }
        this.#listener.event({
          kind: 'worker-replaced',
          worker,
          error: toError(error).message,
          deaths,
        })
        await new Promise((resolve) => {
          setTimeout(resolve, restartDelayMs * (deaths - 1))
        })
      }
    }
  }

  async #run(worker: number, ready: () => void): Promise<WorkerEnd> {
    const { workers, ...parts } = this.#parts
    const { port1, port2 } = new MessageChannel()
    port1.on('message', (event: RunnerEvent | { kind: 'ready' }) => {
      if (event.kind === 'ready') ready()
      else this.#listener.event(event)
    })
    port1.unref()
    const shards: number[] = []
    for (let shard = worker; shard < parts.shardCount; shard += workers) shards.push(shard)
    const task: WorkerTask = { ...parts, worker, shards, control: this.#control, events: port2 }
    try {
      return (await this.#pool.run(task, { transferList: [port2] as never })) as WorkerEnd
    } finally {
      port1.close()
    }
  }

  #fail(worker: number, error: unknown, deaths: number): void {
    if (this.#failed) return
    this.#failed = true
    this.#listener.failed(
      error instanceof SemelError
        ? error
        : new SemelError(
            'SEMEL_WORKER',
            `worker ${worker} died ${deaths} times without a message done in between: ${toError(error).message}; mend the handler, then open the stream again`,
            { cause: error },
          ),
    )
  }

  /** Messages that the worker's shards have done: progress between two deaths. */
  #done(worker: number): number {
    const { handle, shardCount, workers } = this.#parts
    let done = 0
    for (let shard = worker; shard < shardCount; shard += workers) {
      done += addon().status(handle, shard).through
    }
    return done
  }
}
