import { SemelError, toError } from '../../core/errors.js'
import { sleep } from '../../core/waiting/timers.js'
import { unlessAborted } from '../../core/waiting/unless-aborted.js'
import { exponential } from '../../reliability/backoff.js'
import type { ConsumeOptions, Destination } from './consumption.js'

/** What a stream's owner hears of a source whose connection has failed. */
export interface SourceFailed {
  readonly source: string
  readonly error: string
  /** 1 at the first failure behind a message that came through. */
  readonly attempt: number
  readonly retryInMs: number
}

export interface ReconnectingParts {
  /** The source's. */
  readonly name: string
  readonly options: ConsumeOptions
  readonly destinations: readonly Destination[]
  readonly failed: (event: SourceFailed) => void
}

/** What a source has to end by itself after the signal, and to be told what is done. */
export const endMsMax = 1000

const backoff = exponential('100ms', { max: '10s', jitter: 'full' })

/** What `onProgress` threw: it ends the reading, and is no fault of the connection. */
class CallbackError extends Error {}

/** Given where the reader wants no more, and where the stream takes no more. */
export function endOf({ options, destinations }: ReconnectingParts): AbortSignal {
  const { signal } = options
  const over = destinations.map((destination) => destination.over)
  return AbortSignal.any(signal === undefined ? over : [signal, ...over])
}

/**
 * Reads connection after connection, until one ends without an error, or the signal is given.
 * @param rows how many have come through: a connection that brought some was a good one
 * @throws what is not retriable, and where the stream takes nothing any more
 */
export async function reconnecting(
  { name, destinations, failed }: ReconnectingParts,
  signal: AbortSignal,
  rows: () => number,
  read: () => Promise<void>,
): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    const before = rows()
    try {
      await read()
      break
    } catch (error) {
      for (const { check } of destinations) check()
      if (error instanceof CallbackError) throw error.cause
      if (error instanceof SemelError && !error.retriable) throw error
      if (rows() > before) attempt = 1
      const retryInMs = Math.round(Number(backoff.delayMs(attempt)))
      failed({ source: name, error: toError(error).message, attempt, retryInMs })
      await sleep(retryInMs, { signal }).catch(() => {})
    }
  }
  for (const { check } of destinations) check()
}

/** Calls what the user gave to be told. */
export function calling(run: () => void): void {
  try {
    run()
  } catch (cause) {
    throw new CallbackError('onProgress', { cause })
  }
}

/** Undefined where the signal was given first; a connection that comes later is closed again. */
export async function connected<C>(
  connect: () => C | Promise<C>,
  signal: AbortSignal,
): Promise<{ readonly value: C } | undefined> {
  const connecting = (async () => connect())()
  const answer = await unlessAborted(connecting, signal)
  if (answer !== undefined) return answer
  void connecting
    .then((late) => (late as { close?: () => unknown } | undefined)?.close?.())
    .catch(() => {})
  return undefined
}
