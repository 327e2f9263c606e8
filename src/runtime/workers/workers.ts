import type { SemelError } from '../../core/errors.js'
import { nowMs, within } from '../../core/waiting/timers.js'
import { addon } from '../../native/addon.js'
import type { GiveUps } from '../operators/given-up.js'
import { pulseMemory, pulseOf } from '../loop/heartbeat.js'
import type { Runner, RunnerListener } from './runner.js'
import { WorkerKeeper } from './worker-keeper.js'
import type { WorkerParts } from './worker-parts.js'
import { controls } from './worker.js'

/** What handlers have, from the signal that their time is over to the end of their thread. */
const endingMs = 20

/**
 * The shards on worker threads: piscina owns the threads, and each runs one task as long as the stream
 * is open. A worker that dies, or shows no sign of life, is replaced; what it had not committed is
 * delivered again.
 */
export class Workers implements Runner {
  readonly #handle: number
  readonly #control: Int32Array
  readonly #keepers: WorkerKeeper[] = []

  constructor(parts: WorkerParts, listener: RunnerListener) {
    const { task, workers } = parts
    this.#handle = task.handle
    this.#control = new Int32Array(new SharedArrayBuffer(4 * workers))
    const pulses = pulseMemory(workers)
    let hasFailed = false
    const once: RunnerListener = {
      event: (event) => listener.event(event),
      answer: (answer) => listener.answer(answer),
      failed: (error: SemelError) => {
        if (hasFailed) return
        hasFailed = true
        listener.failed(error)
      },
    }
    for (let worker = 0; worker < workers; worker++) {
      const counter = pulseOf(pulses, worker)
      this.#keepers.push(
        new WorkerKeeper({ ...parts, worker, control: this.#control, counter }, once),
      )
    }
  }

  async start(): Promise<void> {
    try {
      await Promise.all(this.#keepers.map((keeper) => keeper.start()))
    } catch (error) {
      await this.#destroy()
      throw error
    }
  }

  notify(): void {
    // The native core wakes a worker that waits.
  }

  giveUp(list: GiveUps): void {
    for (const [worker, keeper] of this.#keepers.entries()) {
      keeper.giveUp(list)
      addon().wake(this.#handle, worker)
    }
  }

  flush(): void {
    this.#tell(controls.flush)
  }

  async stop(deadlineMs: number): Promise<readonly string[]> {
    for (const keeper of this.#keepers) keeper.stop()
    this.#tell(controls.stop)
    const ended = Promise.all(this.#keepers.map((keeper) => keeper.ended))
    if (!(await within(ended, Math.max(0, deadlineMs - nowMs())))) {
      this.#tell(controls.end)
      await within(ended, endingMs)
    }
    return this.#destroy()
  }

  /** What could not be ended. */
  async #destroy(): Promise<readonly string[]> {
    const left = await Promise.all(this.#keepers.map((keeper) => keeper.destroy()))
    return left.filter((one) => one !== undefined)
  }

  #tell(control: number): void {
    for (let worker = 0; worker < this.#keepers.length; worker++) {
      // `stop` is never taken back.
      if ((this.#control[worker] as number) < controls.stop || control === controls.end)
        Atomics.store(this.#control, worker, control)
      addon().wake(this.#handle, worker)
    }
  }
}
