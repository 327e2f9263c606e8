import { InvalidArgumentError } from '../../../core/errors.js'
import { shown } from '../../../core/options.js'
import { malformed } from './refusal.js'

/** Of a key. A text of this length in four bytes a character fits into an id. */
export const keyCharactersMax = 255

/**
 * The header `Idempotency-Key` of draft-ietf-httpapi-idempotency-key-header: a string of RFC 9651, in
 * quotes. Many clients leave these out, and are understood.
 * @throws Refusal for what is no key
 */
export function keyIn(header: string): string {
  const given = header.trim()
  const quoted = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/.exec(given)?.[1]
  return checkKey(quoted === undefined ? given : quoted.replaceAll(/\\(["\\])/g, '$1'))
}

/**
 * A key as it is in a status URL.
 * @throws Refusal for what is no key
 */
export function checkKey(key: string): string {
  if (key.length <= keyCharactersMax && /^[!-~]+$/.test(key)) return key
  throw malformed(
    `Idempotency-Key: ${shown(key)} is no key; give 1 to ${keyCharactersMax} visible characters of ASCII, in quotes`,
  )
}

/** Where a key's status is told, seen from where it was sent to. */
export function statusLocation(key: string): string {
  return `?key=${encodeURIComponent(key)}`
}

/**
 * What a message is known by. Keys of one scope are another's neither by chance nor by will: a key has no
 * space.
 * @throws InvalidArgumentError for a scope that is no text: all who have none would be one
 */
export function scopedId<Raw>(
  scopeOf: ((request: Raw) => string) | undefined,
  request: Raw,
  key: string,
): string {
  if (scopeOf === undefined) return key
  const scope: unknown = scopeOf(request)
  if (typeof scope === 'string') return `${scope} ${key}`
  throw new InvalidArgumentError(`scope: ${shown(scope)} was answered; answer a text`)
}
