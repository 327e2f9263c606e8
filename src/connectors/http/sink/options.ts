import { validateHeaderName, validateHeaderValue } from 'node:http'
import { durationMs, type Duration } from '../../../core/durations.js'
import { InvalidArgumentError } from '../../../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../../../core/options.js'
import type { SinkKind } from '../../../core/sink.js'

export type HttpMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE'

const methods: readonly unknown[] = ['POST', 'PUT', 'PATCH', 'DELETE'] satisfies HttpMethod[]

/** What an output is sent as. */
export interface HttpRequest {
  /** Of `http:` or `https:`. */
  readonly url: string | URL
  /** @default that of the sink */
  readonly method?: HttpMethod
  /** Beside those of the sink; of the same name, in their stead. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * A text or bytes go as they are, anything else as JSON.
   * @default the output, as JSON
   */
  readonly body?: unknown
}

export interface HttpSinkOptions<T> {
  /**
   * Declares that a server which is given the same key again does nothing again: an exactly-once pipeline
   * takes the sink only with it, and relies on it after a crash.
   * @default false
   */
  idempotent?: boolean
  /**
   * The output's key, sent as `Idempotency-Key`: 1 to 255 visible characters of ASCII or spaces, the
   * same whenever the output is made again, and no other output's. That is an id that it has from its
   * message, say.
   * @default of where the output comes from, as far as the stream tells that; none otherwise
   */
  key?: (output: T) => string
  /** @default 'POST' */
  method?: HttpMethod
  /** Sent with each request. */
  headers?: Readonly<Record<string, string>>
  /**
   * How long a request may take, with its answer: '1ms'…'1h'.
   * @default '30s'
   */
  timeout?: Duration
  /**
   * Requests of a shard that are under way at a time, 1…256. With more than one, outputs of a commit
   * arrive in any order, and those behind a refused one may be sent again, with the same key.
   * @default 1
   */
  concurrency?: number
  /**
   * Whether an answer other than 2xx refuses that output alone. All others, connections that fail and
   * requests that take too long are the server's failure: the shard waits, and sends the output again.
   * @default 4xx but 401, 407, 408, 425 and 429, and 409 with `Retry-After`
   */
  refuses?: (status: number) => boolean
  /**
   * What messages and reports call it.
   * @default by the URL or the function: `http(example.org/hooks)`
   */
  name?: string
}

export function isMethod(value: unknown): value is HttpMethod {
  return methods.includes(value)
}

export interface CheckedHttpSink {
  readonly name: string
  readonly kind: Extract<SinkKind, 'idempotent' | 'repeatable'>
  readonly requestOf: (output: never) => HttpRequest
  readonly key: ((output: never) => unknown) | undefined
  readonly method: HttpMethod
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly concurrency: number
  readonly refuses: ((status: number) => boolean) | undefined
}

const timeoutMsMax = 3_600_000

/** @throws InvalidArgumentError */
export function checkHttpSink(to: unknown, options: unknown): CheckedHttpSink {
  const given = checkOptions<Required<HttpSinkOptions<never>>>(options, 'httpSink', [
    'idempotent',
    'key',
    'method',
    'headers',
    'timeout',
    'concurrency',
    'refuses',
    'name',
  ])
  const { idempotent = false, key, method = 'POST', timeout = '30s', refuses } = given
  const { requestOf, called } = targetOf(to)
  const { name = called } = given
  if (typeof idempotent !== 'boolean') {
    throw new InvalidArgumentError(
      `httpSink.idempotent: ${shown(idempotent)} is neither true nor false; give one of them`,
    )
  }
  if (!isMethod(method)) {
    throw new InvalidArgumentError(
      `httpSink.method: there is no ${shown(method)}; there are ${methods.join(', ')}`,
    )
  }
  if (typeof name !== 'string' || name === '') {
    throw new InvalidArgumentError(`httpSink.name: ${shown(name)} is not a name; give a text`)
  }
  const timeoutMs = durationMs(timeout as Duration, 'httpSink.timeout')
  if (timeoutMs < 1 || timeoutMs > timeoutMsMax) {
    throw new InvalidArgumentError(
      `httpSink.timeout: ${shown(timeout)} is out of bounds; give a duration from '1ms' to '1h'`,
    )
  }
  return {
    name,
    kind: idempotent ? 'idempotent' : 'repeatable',
    requestOf,
    key: functionIn(key, 'httpSink.key') as never,
    method,
    headers: checkHeaders(given.headers),
    timeoutMs,
    concurrency: wholeNumber(given.concurrency ?? 1, 'httpSink.concurrency', 1, 256),
    refuses: functionIn(refuses, 'httpSink.refuses') as never,
  }
}

function targetOf(to: unknown): Pick<CheckedHttpSink, 'requestOf'> & { readonly called: string } {
  if (typeof to === 'function') {
    return {
      requestOf: to as (output: never) => HttpRequest,
      called: to.name === '' ? 'http' : `http(${to.name})`,
    }
  }
  const url = httpUrl(to)
  if (url === undefined) {
    throw new InvalidArgumentError(
      `httpSink: ${shown(to)} is no URL of http: or https:; give one, or (output) => ({ url })`,
    )
  }
  const request = Object.freeze({ url })
  // Neither credentials nor what may be some in a query.
  return { requestOf: () => request, called: `http(${url.host}${url.pathname})` }
}

/** Undefined for what is no URL of a web server. */
export function httpUrl(value: unknown): URL | undefined {
  if (typeof value !== 'string' && !(value instanceof URL)) return undefined
  try {
    const url = new URL(value)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
  } catch {
    return undefined
  }
}

function checkHeaders(headers: unknown): Readonly<Record<string, string>> {
  if (headers === undefined) return {}
  if (typeof headers !== 'object' || headers === null) {
    throw new InvalidArgumentError(
      `httpSink.headers: ${shown(headers)} are no headers; give { authorization: '…' }`,
    )
  }
  for (const [name, text] of Object.entries(headers)) {
    try {
      validateHeaderName(name)
      validateHeaderValue(name, text as string)
    } catch {
      // Not with the value: it may be a secret.
      throw new InvalidArgumentError(
        `httpSink.headers: ${shown(name)} is no header, or its text can't be one; give { authorization: '…' }`,
      )
    }
  }
  return Object.freeze(lowered(headers as Record<string, string>))
}

/** Names of headers as one spelling has them, so that one takes the other's stead. */
export function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text]),
  )
}

function functionIn(value: unknown, option: string): unknown {
  if (value === undefined || typeof value === 'function') return value
  throw new InvalidArgumentError(`${option}: ${shown(value)} is not a function`)
}
