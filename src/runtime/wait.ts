import { InvalidArgumentError } from '../core/errors.js'
import { checkOptions, shown } from '../core/options.js'
import { timerMsMax } from '../core/timers.js'

export interface WaitOptions {
  signal?: AbortSignal
  /** In milliseconds: 0…2,147,483,647 (24 days). */
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
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
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
