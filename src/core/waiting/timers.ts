import { performance } from 'node:perf_hooks'
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from 'node:timers'

/**
 * The time and the turns of the event loop, as Node gives them. They are taken when this module is
 * loaded, so that a test that puts its own clock in their place (vi.useFakeTimers, jest.useFakeTimers)
 * does not stop the stream, which has threads and files that follow no such clock.
 */
const real = {
  setTimeout,
  clearTimeout,
  setImmediate,
  clearImmediate,
  queueMicrotask: globalThis.queueMicrotask,
  now: performance.now.bind(performance),
  hrtime: process.hrtime.bigint.bind(process.hrtime),
} as const

/** The longest wait that a timer of Node.js holds, 24 days and 20 hours; a longer one ends at once. */
export const timerMsMax = 2 ** 31 - 1

/** Milliseconds of a clock that only goes forward; from no particular time. */
export const nowMs: () => number = real.now

/** Nanoseconds of a clock that only goes forward, the same in all threads of the process. */
export const processNs: () => bigint = real.hrtime

/** Ends what was planned; without effect where that has happened. */
export type End = () => void

/**
 * Calls `run` once, in so many milliseconds, however many these are; Infinity: never.
 * @param options.keepsAlive whether the process waits for that; default true
 */
export function after(ms: number, run: () => void, { keepsAlive = true } = {}): End {
  let timer: NodeJS.Timeout | undefined
  const plan = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, timerMsMax)
    timer = real.setTimeout(() => {
      if (leftMs > stepMs) plan(leftMs - stepMs)
      else run()
    }, stepMs)
    if (!keepsAlive) timer.unref()
  }
  plan(ms)
  return () => real.clearTimeout(timer)
}

/** Calls `run` again and again, each time so many milliseconds after the last. */
export function every(ms: number, run: () => void, { keepsAlive = true } = {}): End {
  let end: End
  let hasEnded = false
  const plan = (): void => {
    end = after(
      ms,
      () => {
        run()
        if (!hasEnded) plan()
      },
      { keepsAlive },
    )
  }
  plan()
  return () => {
    hasEnded = true
    end()
  }
}

/** Resolves in so many milliseconds, or when the signal is given: whoever asks looks at that. */
export function sleep(ms: number, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const wake = (): void => {
      end()
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const end = after(ms, wake)
    signal?.addEventListener('abort', wake)
  })
}

/** Calls `run` in the next turn of the event loop. */
export function nextTurn(run: () => void): End {
  const immediate = real.setImmediate(run)
  return () => real.clearImmediate(immediate)
}

/** One turn of the event loop: timers, sockets and signals have theirs. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    real.setImmediate(resolve)
  })
}

function yes(): boolean {
  return true
}

/** Whether it has ended within so many milliseconds, in whatever way; it is left alone otherwise. */
export async function within(pending: Promise<unknown>, ms: number): Promise<boolean> {
  let end: End | undefined
  const late = new Promise<boolean>((resolve) => {
    end = after(ms, () => resolve(false))
  })
  try {
    return await Promise.race([pending.then(yes, yes), late])
  } finally {
    end?.()
  }
}

/** Calls `run` at the end of this tick. */
export const atEndOfTick: (run: () => void) => void = real.queueMicrotask

/** How long work that never waits may keep the event loop from turning. */
const workMsMax = 10
/** So many steps of it between two looks at the clock. */
const stepsPerLook = 16

/** The turns that an endless walk gives the event loop. */
export class Turns {
  #sinceMs = nowMs()
  #steps = 0
  #isDue = false

  /** Another step; whether `give` is due, until that has been called. */
  isDue(): boolean {
    this.#steps += 1
    if (this.#steps < stepsPerLook) return this.#isDue
    this.#steps = 0
    this.#isDue ||= nowMs() - this.#sinceMs >= workMsMax
    return this.#isDue
  }

  async give(): Promise<void> {
    await turn()
    this.#sinceMs = nowMs()
    this.#isDue = false
  }
}
