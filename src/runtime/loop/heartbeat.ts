import { every, type End } from '../../core/waiting/timers.js'

/** Words between two workers' counters: none shares its cache lines with another's. */
const strideWords = 32

/** How often a heartbeat is looked for within its time. */
const looksMax = 4

/** A thread's start and its imports take what the machine's load makes them take. */
const startMsMin = 5000

/** A counter for each worker, in memory that all threads see. */
export function pulseMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * strideWords * Int32Array.BYTES_PER_ELEMENT)
}

/** One worker's counter in it. */
export function pulseOf(memory: SharedArrayBuffer, worker: number): Int32Array {
  const strideBytes = strideWords * Int32Array.BYTES_PER_ELEMENT
  return new Int32Array(memory, worker * strideBytes, 1)
}

/** The worker's side: it says that it gets on. */
export class Pulse {
  readonly #counter: Int32Array

  constructor(counter: Int32Array) {
    this.#counter = counter
  }

  /** A plain store, since it comes with every message: who looks only has to see it some time. */
  beat(): void {
    this.#counter[0] = (this.#counter[0] as number) + 1
  }
}

/**
 * The other side: looks a few times in each heartbeat whether the counter has moved. It counts its own
 * looks rather than the time, so that a thread that was held up, and looks late, looks again before it
 * judges. Silence is told between one heartbeat after the last beat and one and a quarter.
 */
export class Watch {
  readonly #counter: Int32Array
  readonly #heartbeatMs: number
  readonly #silent: () => void
  #end: End | undefined
  #seen = 0
  #still = 0
  #looksMax = looksMax

  /** @param heartbeatMs 0: nobody looks */
  constructor(counter: Int32Array, heartbeatMs: number, silent: () => void) {
    this.#counter = counter
    this.#heartbeatMs = heartbeatMs
    this.#silent = silent
  }

  /** A worker is starting; it has the same time for that, and five seconds at least. */
  begin(): void {
    this.end()
    if (this.#heartbeatMs === 0) return
    const startLooks = Math.ceil((looksMax * startMsMin) / this.#heartbeatMs)
    this.#looksMax = Math.max(looksMax, startLooks)
    this.#seen = Atomics.load(this.#counter, 0)
    this.#still = 0
    this.#end = every(this.#heartbeatMs / looksMax, () => this.#look(), { keepsAlive: false })
  }

  /** The worker has started. */
  started(): void {
    this.#looksMax = looksMax
  }

  end(): void {
    this.#end?.()
  }

  #look(): void {
    const seen = Atomics.load(this.#counter, 0)
    this.#still = seen === this.#seen ? this.#still + 1 : 0
    this.#seen = seen
    if (this.#still < this.#looksMax) return
    this.end()
    this.#silent()
  }
}
