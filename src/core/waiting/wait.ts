import { InvalidArgumentError, SemelError } from '../errors.js'
import { checkOptions, shown } from '../options.js'
import { nowMs, sleep, timerMsMax } from './timers.js'

export interface WaitOptions {
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal
  /**
   * Ends the wait with `SEMEL_TIMEOUT`, which says what was waited for. In milliseconds:
   * 0…2,147,483,647 (24 days).
   * @default none
   */
  timeout?: number
}

/**
 * The options of a wait, checked.
 * @param where what they were given to; named in the error
 * @throws InvalidArgumentError
 */
export function checkWait(
  options: unknown,
  where: string,
  known: readonly (keyof WaitOptions)[] = ['signal', 'timeout'],
): WaitOptions {
  const { signal, timeout } = checkOptions<WaitOptions>(options, where, known)
  if (timeout !== undefined && !isTimeout(timeout)) {
    throw new InvalidArgumentError(
      `${where}.timeout: ${shown(timeout)} is out of bounds; give milliseconds from 0 to ${timerMsMax}, or leave it out`,
    )
  }
  if (signal !== undefined && !isSignal(signal)) {
    throw new InvalidArgumentError(
      `${where}.signal: ${shown(signal)} is no signal; give that of an AbortController`,
    )
  }
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(timeout === undefined ? {} : { timeout }),
  }
}

function isTimeout(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= timerMsMax
}

/** By what it has: one of another realm, or of a test's DOM, is no instance of this realm's. */
function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false
  const { aborted, addEventListener } = value as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

/** @throws the signal's reason, where it has been given */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw signal.reason
}

const pollMs = 1

export interface WaitParts {
  /** What was called; named in the error. */
  readonly where: string
  readonly options: WaitOptions
  /** @throws SemelError where the stream can't go on */
  readonly check: () => void
  /** What is still waited for, in words. */
  readonly standing: () => string
  /** Called between two looks. */
  readonly nudge: () => void
}

/** A wait of one call, with one patience for all of its steps. It gives the event loop its turns. */
export class Wait {
  readonly #parts: WaitParts
  readonly #deadlineMs: number

  constructor(parts: WaitParts) {
    this.#parts = parts
    this.#deadlineMs = nowMs() + (parts.options.timeout ?? Infinity)
  }

  /** @throws SemelError `SEMEL_TIMEOUT`, the signal's reason, or why the stream can't go on */
  async until(reached: () => boolean): Promise<void> {
    const { where, options, check, standing, nudge } = this.#parts
    const { signal, timeout } = options
    for (;;) {
      check()
      throwIfAborted(signal)
      if (reached()) return
      if (nowMs() >= this.#deadlineMs) {
        throw new SemelError(
          'SEMEL_TIMEOUT',
          `${where}: not over after ${timeout} ms: ${standing()}; nothing is given up, wait again`,
          { retriable: true },
        )
      }
      await sleep(pollMs, signal === undefined ? {} : { signal })
      nudge()
    }
  }
}
