import { InvalidArgumentError, toError } from '../../core/errors.js'
import { unheeded } from '../../core/thenable.js'

/**
 * What a function of the pipeline answers about a message that is at the door.
 * @param option what the function was given for; named in the error
 * @throws InvalidArgumentError where it throws: that message is refused, and no other
 */
export function ask<R>(by: (message: never) => R, message: unknown, option: string): R {
  try {
    return by(message as never)
  } catch (thrown) {
    if (thrown instanceof InvalidArgumentError) throw thrown
    unheeded(thrown)
    throw new InvalidArgumentError(
      `${option}: it threw ${toError(thrown).message} for this message; let it answer for every message, or refuse those in a schema`,
      { cause: thrown },
    )
  }
}
