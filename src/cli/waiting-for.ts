import { SemelError } from '../core/errors.js'

/** What the command waits for now, the innermost last. */
const waits: string[] = []

/** Names what is waited for, for the case that nothing is left that could bring it. */
export async function waitingFor<T>(what: string, pending: Promise<T>): Promise<T> {
  waits.push(what)
  try {
    return await pending
  } finally {
    waits.splice(waits.lastIndexOf(what), 1)
  }
}

/**
 * A promise that never settles keeps no process alive: Node would end it without a word, and with exit
 * code 0, as if all were done.
 * @param end told of it when the event loop has run empty under a command
 */
export function failWhereNothingIsLeft(end: (error: SemelError) => void): void {
  process.once('beforeExit', () => {
    end(
      new SemelError(
        'SEMEL_NEVER_SETTLES',
        `${waits.at(-1) ?? 'the command'} has not settled, and nothing is left in this process that could settle it: no timer, no socket, no file; mend the promise that is waited for there`,
      ),
    )
  })
}
