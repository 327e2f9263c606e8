import { types } from 'node:util'
import { describeThrown } from './thrown.js'

/** What every error of the library carries; `code` is stable, `message` is for people. */
export interface SemelErrorOptions {
  cause?: unknown
  /** Whether the same call may succeed later without a change. */
  retriable?: boolean
}

/**
 * An error of the library. The message names what was wrong, with which value, and the remedy;
 * `code` is stable across versions.
 */
export class SemelError extends Error {
  readonly code: string
  readonly retriable: boolean

  constructor(code: string, message: string, options: SemelErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'SemelError'
    this.code = code
    this.retriable = options.retriable ?? false
  }
}

/** An option, argument or definition that can't be used as it is. */
export class InvalidArgumentError extends SemelError {
  constructor(message: string, options?: SemelErrorOptions) {
    super('SEMEL_INVALID_ARGUMENT', message, options)
    this.name = 'InvalidArgumentError'
  }
}

/** The stream has been closed; open it again to go on. */
export class ClosedError extends SemelError {
  constructor(message = 'the stream is closed; open it again to go on') {
    super('SEMEL_CLOSED', message)
    this.name = 'ClosedError'
  }
}

/**
 * The sender has stopped waiting. Unless `taken` is false, the outcome of the message is unknown, not
 * failed: the same id may be sent again, and a late outcome is told by the stream's event.
 */
export class AckTimeoutError extends SemelError {
  /** False: the message was still waiting for room; it has been withdrawn, and is not stored. */
  readonly taken: boolean

  constructor(timeoutMs: number, taken: boolean) {
    super(
      'SEMEL_ACK_TIMEOUT',
      taken
        ? `no acknowledgment within ${timeoutMs} ms: the message's outcome is unknown, and the same id may be sent again`
        : `no room for the message within ${timeoutMs} ms: it is not stored, and may be sent again`,
      { retriable: true },
    )
    this.name = 'AckTimeoutError'
    this.taken = taken
  }
}

/** A sender of a newer epoch has taken this one's place; what it sends is refused. */
export class FencedError extends SemelError {
  readonly producer: string
  readonly epoch: number
  readonly newestEpoch: number

  constructor(producer: string, epoch: number, newestEpoch: number) {
    super(
      'SEMEL_FENCED',
      `the producer ${JSON.stringify(producer)} has epoch ${epoch}, and epoch ${newestEpoch} has taken its place; stop this sender, or start it again with an epoch above ${newestEpoch}`,
    )
    this.name = 'FencedError'
    this.producer = producer
    this.epoch = epoch
    this.newestEpoch = newestEpoch
  }
}

/**
 * What was thrown as an error whose `name` and `message` can be relied on: the same one where they are
 * plain texts, and otherwise another, with what was thrown as its cause. Never throws.
 */
export function toError(thrown: unknown): Error {
  if (isReliable(thrown)) return thrown
  const { name, message, code } = describeThrown(thrown)
  const error = new Error(message, { cause: thrown })
  if (name !== error.name) error.name = name
  return code === undefined ? error : Object.assign(error, { code })
}

/** Whether nothing of the user's runs when its name and message are read. */
function isReliable(thrown: unknown): thrown is Error {
  if (types.isNativeError(thrown)) {
    return isPlainText(thrown, 'name') && isPlainText(thrown, 'message')
  }
  if (types.isProxy(thrown)) return false
  try {
    return thrown instanceof DOMException
  } catch {
    return false
  }
}

function isPlainText(error: Error, name: 'name' | 'message'): boolean {
  for (
    let at: object | null = error;
    at !== null;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    if (types.isProxy(at)) return false
    const own = Object.getOwnPropertyDescriptor(at, name)
    if (own !== undefined) return typeof own.value === 'string'
  }
  return false
}
