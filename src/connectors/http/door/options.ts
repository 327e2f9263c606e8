import { durationMs, type Duration } from '../../../core/durations.js'
import { InvalidArgumentError } from '../../../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../../../core/options.js'
import { awaitedValidator, type StandardSchema, type Validated } from '../../../core/schema.js'
import { sizeBytes, type Size } from '../../../core/sizes.js'

/** A request that is to become a message. */
export interface Posted<Body, Raw> {
  /** As the schema has it. */
  readonly body: Body
  /** What the message is to be known by: the key, behind its scope where there is one. */
  readonly id: string
  /** `Idempotency-Key`, or one that was made where the client gave none and may. */
  readonly key: string
  /** Of its path, query and body: to be kept beside what the message becomes, for `recall`. */
  readonly fingerprint: string
  /** As the server gave it: an `IncomingMessage`, or a `Request`. */
  readonly request: Raw
}

/** What became of a request, from where its effect is. */
export interface Recalled {
  /** As it was kept; missing: it is not compared. */
  readonly fingerprint?: string | undefined
  /** What its client is told. */
  readonly result?: unknown
}

export interface HttpRateOptions<Raw> {
  /** So many requests, 1…1,000,000; at once, too, after a rest. */
  max: number
  /** In this time, '1ms'…'1d'. */
  per: Duration
  /**
   * Who they are counted for: an account, an address. Up to 10,000 are known at a time.
   * @default all together
   */
  by?: (request: Raw) => string
}

/**
 * @typeParam In what the stream takes
 * @typeParam Body what the schema makes of a body
 * @typeParam Raw a request as the server gives it
 */
export interface HttpOptions<In, Body, Raw> {
  /**
   * The message of a request. Its `id` in the pipeline is to be the `id` that is given here: by that, and
   * nothing else, a request that is sent again is known again.
   * @example message: ({ body, id }) => ({ ...body, id })
   */
  message: (posted: Posted<Body, Raw>) => In
  /** What a body is to be, by Standard Schema; one may answer with a promise. */
  schema?: StandardSchema<unknown, Body>
  /**
   * When a request is answered: `processed`, with what became of it; by itself as the stream was
   * opened: `stored`, with a receipt, or `batched`.
   * @default the stream's own
   */
  acknowledge?: 'processed'
  /**
   * Whether a request without a key is refused, or given one that is told in its answer.
   * @default 'required'
   */
  key?: 'required' | 'optional'
  /**
   * Whose keys these are: an account, say. The same key of another one is another key.
   * @default all keys are in one scope
   */
  scope?: (request: Raw) => string
  /**
   * Looks up by its id what became of a request that is not remembered any more, where its effect is;
   * undefined where there is none. Asked before a message is sent, and again where that turns out to be
   * a duplicate.
   * @default none: such a duplicate's body is not compared, and its first result not told
   */
  recall?: (id: string) => Recalled | undefined | Promise<Recalled | undefined>
  /**
   * Names of the request's headers that the message carries, `['traceparent']` say; up to 64.
   * @default none
   */
  headers?: readonly string[]
  /**
   * Bytes of a body, 1B…64MiB.
   * @default '64KiB'
   */
  bodyMax?: Size
  /**
   * How long a body may take, '1ms'…'1h'.
   * @default '10s'
   */
  bodyTimeout?: Duration
  /**
   * How long a request may wait for room in the stream, '0ms'…'1h'.
   * @default '1s'
   */
  roomTimeout?: Duration
  /**
   * How long a request may wait for its answer, '1ms'…'1h'. What became of it is told to who asks again.
   * @default '10s'
   */
  timeout?: Duration
  /**
   * Requests that are under way at a time, until their message is stored or has ended: 1…1,048,576.
   * @default 1000
   */
  underWayMax?: number
  /**
   * Clients that watch a status by server-sent events at a time, 0…1,048,576.
   * @default 1000
   */
  watchersMax?: number
  /** @default none */
  rate?: HttpRateOptions<Raw>
  /**
   * When a client that was turned away may come back, '1s'…'1d'.
   * @default '1s'
   */
  retryAfter?: Duration
  /**
   * What requests that were answered may take in memory, with their results, so that who sends one
   * again is told the same; the oldest are forgotten first. 0B…64GiB.
   * @default '16MiB'
   */
  remember?: Size
  /**
   * Whether clients are told the texts of errors of dead letters, which are those of handlers. Their
   * codes are told in any case.
   * @default false
   */
  tellsErrors?: boolean
  /**
   * Told of what a client is answered 500 for.
   * @default a warning of the process, for the first one
   */
  onError?: (error: unknown) => void
}

export interface CheckedHttpOptions<In, Raw> {
  readonly message: (posted: Posted<never, Raw>) => In
  readonly validate: ((value: unknown) => Promise<Validated<unknown>>) | undefined
  readonly acknowledge: 'processed' | undefined
  readonly isKeyOptional: boolean
  readonly scope: ((request: Raw) => string) | undefined
  readonly recall: HttpOptions<unknown, unknown, Raw>['recall']
  readonly headers: readonly string[]
  readonly bodyBytesMax: number
  readonly bodyMsMax: number
  readonly roomMsMax: number
  readonly answerMsMax: number
  readonly underWayMax: number
  readonly watchersMax: number
  readonly rate:
    | { max: number; perMs: number; by: ((request: Raw) => string) | undefined }
    | undefined
  readonly retryAfterMs: number
  readonly rememberedBytesMax: number
  readonly tellsErrors: boolean
  readonly onError: ((error: unknown) => void) | undefined
}

const hourMs = 3_600_000
const dayMs = 86_400_000

const known = [
  'message',
  'schema',
  'acknowledge',
  'key',
  'scope',
  'recall',
  'headers',
  'bodyMax',
  'bodyTimeout',
  'roomTimeout',
  'timeout',
  'underWayMax',
  'watchersMax',
  'rate',
  'retryAfter',
  'remember',
  'tellsErrors',
  'onError',
] as const

/**
 * @param where what the options were given to; named in errors
 * @throws InvalidArgumentError
 */
export function checkHttpOptions<In, Raw>(
  options: unknown,
  where: string,
): CheckedHttpOptions<In, Raw> {
  const given = checkOptions<Required<HttpOptions<unknown, unknown, unknown>>>(
    options,
    where,
    known,
  )
  const duration = (name: keyof typeof given, fallback: string, minMs: number, maxMs: number) =>
    durationIn(given[name] ?? fallback, `${where}.${name}`, minMs, maxMs)
  const size = (name: keyof typeof given, fallback: string, min: number, max: number): number =>
    wholeNumber(
      sizeBytes((given[name] ?? fallback) as Size, `${where}.${name}`),
      `${where}.${name}`,
      min,
      max,
    )
  const count = (name: keyof typeof given, fallback: number, min: number): number =>
    wholeNumber(given[name] ?? fallback, `${where}.${name}`, min, 1_048_576)
  const call = (name: keyof typeof given): unknown => functionIn(given[name], `${where}.${name}`)
  const { message, schema, acknowledge, key = 'required', tellsErrors = false } = given
  if (typeof message !== 'function') {
    throw new InvalidArgumentError(
      `${where}.message: ${shown(message)} is not a function; give ({ body, id }) => the message`,
    )
  }
  if (acknowledge !== undefined && acknowledge !== 'processed') {
    throw new InvalidArgumentError(
      `${where}.acknowledge: ${shown(acknowledge)} is unknown; give 'processed', or leave it out, and it is the stream's own`,
    )
  }
  if (key !== 'required' && key !== 'optional') {
    throw new InvalidArgumentError(
      `${where}.key: there is no ${shown(key)}; there are 'required' and 'optional'`,
    )
  }
  if (typeof tellsErrors !== 'boolean') {
    throw new InvalidArgumentError(
      `${where}.tellsErrors: ${shown(tellsErrors)} is neither true nor false; give one of them`,
    )
  }
  return {
    message: message as never,
    validate: schema === undefined ? undefined : awaitedValidator(schema, `${where}.schema`),
    acknowledge,
    isKeyOptional: key === 'optional',
    scope: call('scope') as never,
    recall: call('recall') as never,
    headers: checkNames(given.headers, `${where}.headers`),
    bodyBytesMax: size('bodyMax', '64KiB', 1, 64 * 1024 ** 2),
    bodyMsMax: duration('bodyTimeout', '10s', 1, hourMs),
    roomMsMax: duration('roomTimeout', '1s', 0, hourMs),
    answerMsMax: duration('timeout', '10s', 1, hourMs),
    underWayMax: count('underWayMax', 1000, 1),
    watchersMax: count('watchersMax', 1000, 0),
    rate: checkRate(given.rate, `${where}.rate`),
    retryAfterMs: duration('retryAfter', '1s', 1000, dayMs),
    rememberedBytesMax: size('remember', '16MiB', 0, 64 * 1024 ** 3),
    tellsErrors,
    onError: call('onError') as never,
  }
}

function checkRate<Raw>(rate: unknown, where: string): CheckedHttpOptions<never, Raw>['rate'] {
  if (rate === undefined) return undefined
  const { max, per, by } = checkOptions<HttpRateOptions<never>>(rate, where, ['max', 'per', 'by'])
  return {
    max: wholeNumber(max, `${where}.max`, 1, 1_000_000),
    perMs: durationIn(per, `${where}.per`, 1, dayMs),
    by: functionIn(by, `${where}.by`) as never,
  }
}

/** Frozen, and in lower case, as servers have them. */
function checkNames(names: unknown, where: string): readonly string[] {
  if (names === undefined) return []
  if (
    !Array.isArray(names) ||
    names.length > 64 ||
    !names.every((name) => typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name))
  ) {
    throw new InvalidArgumentError(
      `${where}: ${shown(names)} names no headers; give up to 64 names, ['traceparent'] say`,
    )
  }
  return Object.freeze(names.map((name: string) => name.toLowerCase()))
}

function durationIn(value: unknown, option: string, minMs: number, maxMs: number): number {
  const ms = durationMs(value as Duration, option)
  if (ms >= minMs && ms <= maxMs) return ms
  throw new InvalidArgumentError(
    `${option}: ${shown(value)} is out of bounds; give a duration from ${minMs} to ${maxMs} ms`,
  )
}

function functionIn(value: unknown, option: string): unknown {
  if (value === undefined || typeof value === 'function') return value
  throw new InvalidArgumentError(`${option}: ${shown(value)} is not a function`)
}
