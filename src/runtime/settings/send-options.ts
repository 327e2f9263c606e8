import { isStronger } from '../../acknowledge/acknowledged.js'
import { envelopeOf, type Envelope } from '../../codec/envelope.js'
import { acknowledges, type Acknowledge } from '../../core/acknowledge.js'
import { checkDueTime } from './due-time.js'
import { InvalidArgumentError } from '../../core/errors.js'
import { checkHeaders, type MessageHeaders } from '../../core/headers.js'
import { oneNotMany } from '../../core/many.js'
import { checkOptions, shown } from '../../core/options.js'
import { checkWait, type WaitOptions } from '../../core/waiting/wait.js'

/** What messages carry besides themselves. */
export interface MessageOptions {
  /**
   * For handlers (`context.headers`): up to 64 names with texts, 32 KiB in UTF-8 together.
   * @default none
   */
  headers?: MessageHeaders
  /**
   * When the message is to be processed, at the earliest: a `Date`, or milliseconds since 1970. Until
   * then it is parked. A time that has passed is now.
   * @default now
   */
  at?: Date | number
}

export interface SendOptions<M extends Acknowledge> extends WaitOptions, MessageOptions {
  /** For this call: as the stream's own, or one that tells more (batched < stored < processed). */
  acknowledge?: M
}

interface Sending {
  readonly mode: Acknowledge
  readonly patience: WaitOptions
  readonly envelope?: Envelope | undefined
}

/** Most sends have no options: nothing is made for them. */
const plain: { readonly [A in Acknowledge]: Sending } = {
  processed: { mode: 'processed', patience: {} },
  stored: { mode: 'stored', patience: {} },
  batched: { mode: 'batched', patience: {} },
}

/**
 * The options of a send, checked.
 * @param where what they were given to; named in the error
 * @param own the stream's mode
 * @throws InvalidArgumentError
 */
export function checkSend(options: unknown, where: string, own: Acknowledge): Sending {
  if (options === undefined) return plain[own]
  const {
    acknowledge = own,
    headers,
    at,
    ...wait
  } = checkOptions<SendOptions<Acknowledge>>(options, where, [
    'signal',
    'timeout',
    'acknowledge',
    'headers',
    'at',
  ])
  if (!acknowledges.includes(acknowledge as Acknowledge)) {
    throw new InvalidArgumentError(
      `${where}.acknowledge: ${shown(acknowledge)} is unknown; choose 'processed', 'stored' or 'batched'`,
    )
  }
  const mode = acknowledge as Acknowledge
  if (!isStronger(mode, own)) {
    throw new InvalidArgumentError(
      `${where}.acknowledge: '${mode}' tells less than the stream's own '${own}'; leave it out, or open the stream with acknowledge: '${mode}'`,
    )
  }
  return { mode, patience: checkWait(wait, where), envelope: envelopeFor(headers, at, where) }
}

/**
 * What messages are given besides themselves, checked.
 * @param where what it was given to; named in the error
 * @throws InvalidArgumentError
 */
export function checkMessageOptions(options: unknown, where: string): Envelope | undefined {
  if (options === undefined) return undefined
  const { headers, at } = checkOptions<MessageOptions>(options, where, ['headers', 'at'])
  return envelopeFor(headers, at, where)
}

function envelopeFor(headers: unknown, at: unknown, where: string): Envelope | undefined {
  const names = headers === undefined ? [] : checkHeaders(headers, `${where}.headers`)
  const dueMs = at === undefined ? undefined : checkDueTime(at, `${where}.at`)
  return names.length === 0 && dueMs === undefined ? undefined : envelopeOf(names, dueMs)
}

/** @throws InvalidArgumentError for what can't be walked through, or would fall apart in that */
export function checkIterable(messages: unknown, where: string): void {
  const instead = oneNotMany(messages)
  if (instead !== undefined) {
    throw new InvalidArgumentError(`${where}: ${shown(messages)} ${instead}`)
  }
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = (messages ?? {}) as Partial<
    Iterable<unknown> & AsyncIterable<unknown>
  >
  if (typeof sync === 'function' || typeof async === 'function') return
  throw new InvalidArgumentError(
    `${where}: ${shown(messages)} holds no messages; give an array, an iterable or an async iterable`,
  )
}
