import { InvalidArgumentError, toError } from './errors.js'
import { shown } from './options.js'

/**
 * What a message carries besides itself: names and texts, such as `traceparent` or `content-type`. Up to
 * 64 names, and 32 KiB of names and texts in UTF-8.
 */
export type MessageHeaders = Readonly<Record<string, string>>

/** Names that a message's headers may have. */
export const headersMax = 64
/** Of all names and texts together, in UTF-8. */
export const headersBytesMax = 32_768

/** Where a message has none. */
export const noHeaders: MessageHeaders = Object.freeze(Object.create(null) as MessageHeaders)

/**
 * The names and texts of headers, each read once.
 * @param where what they were given for; named in the error
 * @throws InvalidArgumentError for what are no headers, or too many
 */
export function checkHeaders(headers: unknown, where: string): readonly [string, string][] {
  const refused = (why: string, cause?: unknown): InvalidArgumentError =>
    new InvalidArgumentError(`${where}: ${why}`, cause === undefined ? {} : { cause })
  if (!isPlain(headers)) {
    throw refused(`${shown(headers)} are no headers; give a plain object of texts`)
  }
  let entries: [string, unknown][]
  try {
    entries = Object.entries(headers)
  } catch (thrown) {
    throw refused(`they can't be read: ${toError(thrown).message}; give a plain object`, thrown)
  }
  if (entries.length > headersMax) {
    throw refused(`there are ${entries.length} names; give at most ${headersMax}`)
  }
  let bytes = 0
  for (const [name, text] of entries) {
    if (name === '') throw refused('a name is empty; give each text a name')
    if (typeof text !== 'string') {
      throw refused(
        `${shown(name)} is ${shown(text)}, which is no text; ${text === undefined ? 'leave it out' : 'give String(…) of it'}`,
      )
    }
    if (!name.isWellFormed() || !text.isWellFormed()) {
      throw refused(`${shown(name)} has half of a surrogate pair; see toWellFormed()`)
    }
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text)
  }
  if (bytes > headersBytesMax) {
    throw refused(`they take ${bytes} bytes; give at most ${headersBytesMax}`)
  }
  return entries as [string, string][]
}

/** A Map or another's class has its data elsewhere: they would be lost in silence. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
