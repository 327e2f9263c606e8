import { STATUS_CODES } from 'node:http'
import { SemelError } from '../../../core/errors.js'
import { shown } from '../../../core/options.js'
import type { Answer } from './ask.js'

interface RefusalOptions {
  /** Whether the same request may succeed later. */
  readonly retriable?: true
  /** When, at the earliest. */
  readonly retryAfterMs?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Nothing more is read of its connection. */
  readonly ends?: true
  /** Members of the problem besides its own. */
  readonly told?: Readonly<Record<string, unknown>>
}

/** A request that is not answered with what it asked for: what its client is told. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly options: RefusalOptions

  constructor(status: number, code: string, detail: string, options: RefusalOptions = {}) {
    super(detail)
    this.name = 'Refusal'
    this.status = status
    this.code = code
    this.options = options
  }

  /** As a problem of RFC 9457, with semel's code. */
  answer(): Answer {
    const { status, code, message: detail, options } = this
    const { retriable, retryAfterMs, headers, told, ends = false } = options
    const problem = { title: STATUS_CODES[status] ?? 'Refused', status, detail, code }
    return {
      status,
      ends,
      headers: {
        'content-type': 'application/problem+json',
        'cache-control': 'no-store',
        ...(retryAfterMs === undefined ? {} : { 'retry-after': seconds(retryAfterMs) }),
        ...headers,
      },
      body: `${JSON.stringify({ ...problem, ...(retriable === undefined ? {} : { retriable }), ...told })}\n`,
    }
  }
}

/** Whole ones, and at least one: 0 would ask for the same again at once. */
function seconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)))
}

export const methods = 'GET, HEAD, POST'

export const malformed = (detail: string): Refusal => new Refusal(400, 'SEMEL_REQUEST', detail)

export const unknownMethod = (method: string): Refusal =>
  new Refusal(405, 'SEMEL_REQUEST', `there is no ${shown(method)} here; there is ${methods}`, {
    headers: { allow: methods },
  })

export const unknownMedia = (detail: string, headers: Record<string, string>): Refusal =>
  new Refusal(415, 'SEMEL_REQUEST', detail, { headers })

export const tooSlow = (ms: number): Refusal =>
  new Refusal(408, 'SEMEL_REQUEST', `the body was not there within ${ms} ms`, { ends: true })

export const tooLarge = (detail: string): Refusal =>
  new Refusal(413, 'SEMEL_TOO_LARGE', detail, { ends: true })

export const unknownKey = (key: string): Refusal =>
  new Refusal(
    404,
    'SEMEL_UNKNOWN_KEY',
    `nothing is known of the key ${shown(key)}: it was never sent, or that is forgotten; send the request with it again`,
  )

export const reusedKey = (key: string): Refusal =>
  new Refusal(
    422,
    'SEMEL_KEY_REUSED',
    `the key ${shown(key)} was sent with another request; a key is one request's alone`,
  )

export const underWay = (key: string, location: string, retryAfterMs: number): Refusal =>
  new Refusal(409, 'SEMEL_UNDER_WAY', `the request with the key ${shown(key)} is under way`, {
    retriable: true,
    retryAfterMs,
    headers: { location },
  })

export const overloaded = (
  status: 429 | 503,
  detail: string,
  retryAfterMs: number,
  headers: Record<string, string> = {},
): Refusal =>
  new Refusal(status, 'SEMEL_OVERLOADED', detail, { retriable: true, retryAfterMs, headers })

export const closed = (retryAfterMs: number): Refusal =>
  new Refusal(503, 'SEMEL_CLOSED', 'nothing is taken here any more', {
    retryAfterMs,
    ends: true,
  })

/** The client may be told before the message is: what became of it is told by its key. */
export const unanswered = (key: string, location: string, retryAfterMs: number): Refusal =>
  new Refusal(
    504,
    'SEMEL_ACK_TIMEOUT',
    `there was no answer in time: what became of the request is unknown, and not that it failed; send it again with the key ${shown(key)}, or look it up`,
    { retriable: true, retryAfterMs, headers: { location } },
  )

/**
 * Why a stream has not taken a message, as a client is told.
 * @param isOver whether the stream takes none any more
 * @returns undefined where that is none of the client's business
 */
export function refusalOf(
  thrown: unknown,
  isOver: boolean,
  retryAfterMs: number,
): Refusal | undefined {
  if (isOver) return closed(retryAfterMs)
  if (!(thrown instanceof SemelError)) return undefined
  switch (thrown.code) {
    case 'SEMEL_INVALID_ARGUMENT':
      return new Refusal(400, thrown.code, thrown.message)
    case 'SEMEL_TOO_LARGE':
      return tooLarge(thrown.message)
    case 'SEMEL_DROPPED':
      return overloaded(503, 'there is no room', retryAfterMs)
    default:
      return undefined
  }
}
