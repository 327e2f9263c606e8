import { types } from 'node:util'
import { InvalidArgumentError } from '../../core/errors.js'
import { shown } from '../../core/options.js'

/** The last millisecond that a Date has. */
export const dueMsMax = 8_640_000_000_000_000

/**
 * When a message is due, in whole milliseconds since 1970.
 * @param where what it was given for; named in the error
 * @throws InvalidArgumentError for what is no time
 */
export function checkDueTime(at: unknown, where: string): number {
  const ms: unknown = types.isDate(at) ? Date.prototype.getTime.call(at) : at
  if (typeof ms === 'number' && Math.abs(ms) <= dueMsMax) return Math.max(0, Math.ceil(ms))
  throw new InvalidArgumentError(
    `${where}: ${shown(at)} is no time; give a Date, or milliseconds since 1970`,
  )
}
