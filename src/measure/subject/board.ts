import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

const key = 'semel.measure.board'

/**
 * When each message reached its handler, in memory that the sender and the worker share. Workers find
 * it where the threads of a process leave each other data, since a pipeline's module is all that they
 * are given.
 */
export class Board {
  readonly #memory: SharedArrayBuffer
  readonly #origin: BigInt64Array
  /** By sequence: nanoseconds since the origin, 0 where a message has not arrived. */
  readonly #arrivals: Float64Array

  private constructor(memory: SharedArrayBuffer) {
    this.#memory = memory
    this.#origin = new BigInt64Array(memory, 0, 1)
    this.#arrivals = new Float64Array(memory, 8)
  }

  /** For the threads that are started from now on. */
  static put(messages: number): Board {
    const board = new Board(new SharedArrayBuffer(8 + 8 * messages))
    board.#origin[0] = process.hrtime.bigint()
    setEnvironmentData(key, board.#memory)
    return board
  }

  /** The one that was put; undefined where nobody watches. */
  static find(): Board | undefined {
    const memory = getEnvironmentData(key)
    return memory instanceof SharedArrayBuffer ? new Board(memory) : undefined
  }

  /** A clock for all threads: nanoseconds since the board was made. */
  clock(): () => number {
    const origin = this.#origin[0] as bigint
    return () => Number(process.hrtime.bigint() - origin)
  }

  /** Notes that a message has reached its handler; the first attempt counts. */
  arrived(sequence: number, atNs: number): void {
    const index = sequence - 1
    if (index < this.#arrivals.length && this.#arrivals[index] === 0) this.#arrivals[index] = atNs
  }

  /** undefined where the message has not arrived. */
  arrival(sequence: number): number | undefined {
    const atNs = this.#arrivals[sequence - 1]
    return atNs === 0 ? undefined : atNs
  }
}
