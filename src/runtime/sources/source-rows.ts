import { InvalidArgumentError, SemelError, toError } from '../../core/errors.js'
import type { MalformedRow } from '../../core/message.js'
import { asOffset, type Offset } from '../../core/offset.js'
import { shown } from '../../core/options.js'
import type { Source, SourceBatch, SourceRow } from '../../core/source.js'
import { unheeded } from '../../core/thenable.js'

const textLengthMax = 65_536
const reasonLengthMax = 4096

export function checkSource(source: unknown): Source<unknown> {
  const { name, resumable, partitions, read, identify } = (source ?? {}) as Partial<Source<unknown>>
  if (
    typeof name === 'string' &&
    typeof resumable === 'boolean' &&
    Array.isArray(partitions) &&
    partitions.every((partition) => typeof partition === 'string') &&
    typeof read === 'function' &&
    (identify === undefined || typeof identify === 'function')
  ) {
    return source as Source<unknown>
  }
  throw new InvalidArgumentError(
    `consume: ${shown(source)} is not a source; give one such as fileSource('in.ndjson') or iterable(…)`,
  )
}

/**
 * What of a source's answer is read, where reading it may fail: getters and proxies are its own.
 * @throws SemelError `SEMEL_SOURCE`
 */
export function readOf<T>(source: string, what: string, read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof SemelError) throw thrown
    throw unreadable(source, what, thrown)
  }
}

function unreadable(source: string, what: string, thrown: unknown): SemelError {
  unheeded(thrown)
  return new SemelError(
    'SEMEL_SOURCE',
    `${source}: ${what} can't be read: ${reasonOf(thrown)}; correct the source, then go on`,
    { cause: thrown },
  )
}

/**
 * What a source's `read` has answered.
 * @throws SemelError `SEMEL_SOURCE` where it is no async iterable
 */
export function iterableOf<T>(source: string, answer: unknown): AsyncIterable<T> {
  const batches = answer as Partial<AsyncIterable<T>> | undefined
  if (typeof batches?.[Symbol.asyncIterator] === 'function') return batches as AsyncIterable<T>
  unheeded(answer)
  throw new SemelError(
    'SEMEL_SOURCE',
    `${source}: read answered ${safelyShown(answer)}, which is no async iterable; let it be an async generator`,
  )
}

/** A source that breaks its contract. */
export function brokenSource(name: string, what: string): SemelError {
  return new SemelError('SEMEL_SOURCE', `${name} ${what}; correct the source`)
}

/**
 * What a row holds, each part of it read once.
 * @throws SemelError `SEMEL_SOURCE` where a getter of it throws
 */
export function contentOf(
  source: string,
  row: SourceRow<unknown>,
  at: number,
): { readonly message: unknown; readonly headers: unknown } | { readonly malformed: MalformedRow } {
  try {
    if ('malformed' in row) return { malformed: malformedOf(row.malformed) }
    const { message, headers } = row
    return { message, headers }
  } catch (thrown) {
    throw unreadable(source, `row ${at} of a batch`, thrown)
  }
}

/** Whether an identity can be kept with its partition. */
export function isKept(identity: unknown): boolean {
  try {
    return typeof JSON.stringify(identity) === 'string'
  } catch {
    return false
  }
}

/**
 * Looks at what a source has given before any of it is stored: a source that breaks its contract stops
 * there, and nothing is lost or repeated.
 * @param reached the offset up to which its partition has been read
 * @throws SemelError `SEMEL_SOURCE`
 */
export function checkBatch(source: string, batch: SourceBatch<unknown>, reached: Offset): void {
  const { partition, rows, offset, size, identity } = batch
  const broken = (what: string): SemelError =>
    new SemelError(
      'SEMEL_SOURCE',
      `${source}: its partition ${JSON.stringify(partition)} ${what}; none of that batch is stored: correct the source, then go on`,
    )
  if (!Array.isArray(rows)) throw broken(`gave a batch whose rows are ${safelyShown(rows)}`)
  let last: Offset = reached
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] as SourceRow<unknown>
    if (typeof row !== 'object' || row === null || !('message' in row || 'malformed' in row)) {
      throw broken(
        `gave ${safelyShown(row)} as row ${at} of a batch behind the offset ${last}, where a row is { message, offset } or { malformed, offset }`,
      )
    }
    if (!isOffset(row.offset) || row.offset <= last) {
      throw broken(
        `gave the offset ${safelyShown(row.offset)} behind ${last}, where offsets are whole numbers below 2^128 that grow from row to row`,
      )
    }
    last = row.offset
  }
  if (!isOffset(offset) || offset < last) {
    throw broken(
      `gave a batch that ends at the offset ${safelyShown(offset)}, where its last row has ${last}`,
    )
  }
  if (size !== undefined && !isOffset(size)) throw broken(`gave the size ${safelyShown(size)}`)
  if (identity !== undefined && !isKept(identity)) {
    throw broken(`gave the identity ${safelyShown(identity)}, which JSON has no form for`)
  }
}

/** The row that a source could not read, with whatever it has left out. */
export function malformedOf(row: unknown): MalformedRow {
  const { text, line, reason } = (row ?? {}) as Partial<MalformedRow>
  return {
    text: typeof text === 'string' ? text.slice(0, textLengthMax) : '',
    line: Number.isSafeInteger(line) && (line as number) > 0 ? (line as number) : 0,
    reason:
      typeof reason === 'string'
        ? reason.slice(0, reasonLengthMax)
        : 'the source could not read it, and gave no reason',
  }
}

/** A row whose message can't be taken, whatever it is and whatever was thrown. */
export function refusedRow(message: unknown, partition: string, thrown: unknown): MalformedRow {
  return {
    text: textOf(message).slice(0, textLengthMax),
    line: 0,
    reason: `${partition}: ${reasonOf(thrown)}`.slice(0, reasonLengthMax),
  }
}

/** The same with less of its text, where all of it is too large for the stream. */
export function shortened({ text, line, reason }: MalformedRow, length: number): MalformedRow {
  return { text: text.slice(0, length), line, reason: reason.slice(0, Math.max(length, 256)) }
}

function isOffset(value: unknown): value is Offset {
  return asOffset(value) !== undefined
}

function textOf(message: unknown): string {
  try {
    const text = JSON.stringify(message) as string | undefined
    if (typeof text === 'string') return text
  } catch {
    // A bigint, a cycle, a toJSON that throws.
  }
  return safelyShown(message)
}

function reasonOf(thrown: unknown): string {
  try {
    const { message } = toError(thrown)
    if (typeof message === 'string') return message
  } catch {
    // Nothing that a text can be made of, or a getter that throws.
  }
  return `${safelyShown(thrown)} was thrown`
}

function safelyShown(value: unknown): string {
  try {
    return shown(value)
  } catch {
    return 'a value that can not be shown'
  }
}
