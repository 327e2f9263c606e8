import { SemelError, toError } from '../core/errors.js'

/** The command's exit codes; one that a signal stopped has 128 + the signal's number. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const

/** A command line that can't be used as it is. */
export class UsageError extends SemelError {
  constructor(message: string) {
    super('SEMEL_USAGE', message)
    this.name = 'UsageError'
  }
}

/** The code that the process ends with after this. */
export function exitCodeOf(thrown: unknown): number {
  return thrown instanceof UsageError ? exitCodes.usage : exitCodes.failed
}

/**
 * What went wrong on one line, `semel: CODE: message`; with `debug` the stack and the causes follow.
 * An error of another copy of the library counts as one too, so it is known by its code.
 */
export function failureText(thrown: unknown, debug: boolean): string {
  const error = toError(thrown) as Error & { readonly code?: unknown }
  const code = typeof error.code === 'string' ? error.code : ''
  const message = oneLine(error.message === '' ? error.name : error.message)
  const line = code.startsWith('SEMEL_')
    ? `semel: ${code}: ${message}`
    : `semel: SEMEL_UNEXPECTED: ${message}; set SEMEL_DEBUG=1 to see where it comes from`
  return debug ? `${line}\n${stackOf(error)}` : line
}

/** A text on one line: what an error says may have been written for several. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, ' ').trim()
}

const causesMax = 8

function stackOf(error: Error): string {
  const stacks: string[] = []
  let next: unknown = error
  while (next instanceof Error && stacks.length < causesMax) {
    stacks.push(next.stack ?? String(next))
    next = next.cause
  }
  return stacks.join('\ncaused by ')
}
