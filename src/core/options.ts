import { inspect } from 'node:util'
import { InvalidArgumentError } from './errors.js'

/** A value as an error message names it: short, on one line, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  }
  if (typeof value === 'function') {
    return value.name === '' ? 'a function' : `the function ${value.name}`
  }
  return inspect(value, { depth: 0, breakLength: Infinity, maxArrayLength: 3 })
}

/**
 * The options that were given, or none.
 * @param where what they were given to; named in the error
 * @throws InvalidArgumentError for what is no object, and for a name that is not among `known`
 */
export function checkOptions<O extends object>(
  options: unknown,
  where: string,
  known: readonly (keyof O & string)[],
): { readonly [N in keyof O]?: unknown } {
  if (options === undefined) return {}
  const names = known.join(', ')
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError(
      `${where}: ${shown(options)} is not an options object; give { ${names} }`,
    )
  }
  for (const name of Object.keys(options)) {
    if (!(known as readonly string[]).includes(name)) {
      throw new InvalidArgumentError(
        `${where}: there is no option ${shown(name)}; there ${known.length === 1 ? 'is' : 'are'} ${names}`,
      )
    }
  }
  return options
}

/**
 * A whole number within its bounds.
 * @param option what the value was given for; named in the error
 * @throws InvalidArgumentError for anything else
 */
export function wholeNumber(value: unknown, option: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) {
    return value
  }
  throw new InvalidArgumentError(
    `${option}: ${shown(value)} is out of bounds; give a whole number from ${min} to ${max}`,
  )
}
