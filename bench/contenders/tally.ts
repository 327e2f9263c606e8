import { getEnvironmentData, setEnvironmentData, threadId } from 'node:worker_threads'
import type { Trade } from './trades.js'

export interface Totals {
  readonly handled: number
  readonly sum: number
}

const name = 'semel-bench-tally'
const threads = 64
/** A thread's two numbers have two cache lines for themselves. */
const stride = 16

// A worker inherits what its parent had set when it was started.
const shared =
  (getEnvironmentData(name) as SharedArrayBuffer | undefined) ??
  new SharedArrayBuffer(threads * stride * Float64Array.BYTES_PER_ELEMENT)
setEnvironmentData(name, shared)
const numbers = new Float64Array(shared)
const mine = (threadId % threads) * stride

/** The handler of every contender. */
export function handle(trade: Trade): void {
  numbers[mine] = (numbers[mine] as number) + 1
  numbers[mine + 1] = (numbers[mine + 1] as number) + trade.price * trade.size
}

/** Of all threads, from the beginning. */
export function totals(): Totals {
  let handled = 0
  let sum = 0
  for (let at = 0; at < numbers.length; at += stride) {
    handled += numbers[at] as number
    sum += numbers[at + 1] as number
  }
  return { handled, sum }
}
