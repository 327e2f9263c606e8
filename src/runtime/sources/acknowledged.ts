import type { Teller } from '../../acknowledge/awaited.js'
import type { Envelope } from '../../codec/envelope.js'
import { InvalidArgumentError, type SemelError } from '../../core/errors.js'
import type { MessageHeaders } from '../../core/headers.js'
import type { MalformedRow } from '../../core/message.js'
import { checkOptions, shown } from '../../core/options.js'
import type { AcknowledgedConnection, AcknowledgedSource, HandedOut } from '../../core/source.js'
import { Turns, within } from '../../core/waiting/timers.js'
import { untilEnded } from '../../core/waiting/until-ended.js'
import { checkMessageOptions } from '../settings/send-options.js'
import type { Consumed, ConsumeOptions, ConsumeParts, Destination } from './consumption.js'
import { Held } from './held.js'
import { malformedPush } from './malformed.js'
import {
  calling,
  connected,
  endMsMax,
  endOf,
  reconnecting,
  type SourceFailed,
} from './reconnecting.js'
import { brokenSource, iterableOf, malformedOf, readOf, refusedRow } from './source-rows.js'

export interface AcknowledgedParts extends Omit<ConsumeParts, 'source'> {
  readonly source: AcknowledgedSource<unknown>
  readonly failed: (event: SourceFailed) => void
}

/** @throws InvalidArgumentError */
export function checkAcknowledged(source: unknown): AcknowledgedSource<unknown> {
  const { name, connect } = source as Partial<AcknowledgedSource<unknown>>
  if (typeof name === 'string' && typeof connect === 'function') {
    return source as AcknowledgedSource<unknown>
  }
  throw new InvalidArgumentError(
    `consume: ${shown(source)} is no acknowledged source; give one with a name and a connect`,
  )
}

/**
 * Reads a source that has each message acknowledged, until it ends or the signal is given. Connections
 * that fail are followed by others; what they had handed out is given again by the source.
 */
export async function consumeAcknowledged(parts: AcknowledgedParts): Promise<Consumed> {
  const { options, source } = parts
  checkOptions<ConsumeOptions>(options, 'consume', ['signal', 'onProgress', 'onNotice'])
  const count: Count = { rows: 0, malformed: 0 }
  const reading = { ...parts, name: source.name }
  const signal = endOf(reading)
  const rows = (): number => count.rows
  await reconnecting(reading, signal, rows, () => readConnection(parts, signal, count))
  return count
}

interface Count {
  rows: number
  malformed: number
}

async function readConnection(
  parts: AcknowledgedParts,
  signal: AbortSignal,
  count: Count,
): Promise<void> {
  const { source, options } = parts
  const notice = options.onNotice ?? (() => {})
  const answer = await connected<unknown>(() => source.connect({ signal, notice }), signal)
  if (answer === undefined) return
  const connection = checkConnection(source, answer.value)
  const breaking = new AbortController()
  const held = new Held(connection, (error) => breaking.abort(error))
  const ended = AbortSignal.any([signal, breaking.signal])
  try {
    const batches = iterableOf<unknown>(source.name, connection.read())
    for await (const batch of untilEnded(batches, ended, endMsMax)) {
      await takeBatch(parts, held, checkBatch(source, batch), ended, count)
      if (ended.aborted) break
      progress(options, count)
    }
    // At a signal, what is being stored has its time.
    if (signal.aborted) await within(held.allTold(), endMsMax)
    else if (!breaking.signal.aborted) await held.allTold()
    if (breaking.signal.aborted) throw breaking.signal.reason
  } finally {
    held.end()
    await within(closed(connection), endMsMax)
  }
}

function progress({ onProgress }: ConsumeOptions, { rows, malformed }: Count): void {
  calling(() => onProgress?.({ rows, malformed, offset: rows, size: 0 }))
}

async function takeBatch(
  parts: AcknowledgedParts,
  held: Held,
  batch: readonly HandedOut<unknown>[],
  ended: AbortSignal,
  count: Count,
): Promise<void> {
  const turns = new Turns()
  for (const { token } of batch) held.add(token)
  let taken = 0
  try {
    for (; taken < batch.length && !ended.aborted; taken++) {
      if (turns.isDue()) await turns.give()
      await take(parts, held, batch[taken] as HandedOut<unknown>, ended, count)
    }
  } catch (error) {
    if (!ended.aborted || error !== ended.reason) throw error
  } finally {
    // What was not taken is given again.
    for (const { token } of batch.slice(taken)) held.leave(token)
  }
}

/** One message: stored and then acknowledged, or at most once the other way round. */
async function take(
  parts: AcknowledgedParts,
  held: Held,
  one: HandedOut<unknown>,
  ended: AbortSignal,
  count: Count,
): Promise<void> {
  const { source, destinations } = parts
  const { token } = one
  const strictest = destinations[0] as Destination
  if ('malformed' in one) {
    await takeMalformed(strictest, held, token, one.malformed, ended, count)
    return
  }
  let checked: unknown
  let target: Destination
  let envelope: Envelope | undefined
  try {
    checked = parts.check(one.message)
    target = destinations[parts.classOf(checked)] as Destination
    const { headers } = one
    if (headers !== undefined) envelope = checkMessageOptions({ headers }, 'message')
  } catch (error) {
    const row = refusedRow(one.message, source.name, error)
    await takeMalformed(strictest, held, token, row, ended, count)
    return
  }
  const isFirst = target.settings.delivery === 'at-most-once'
  if (isFirst && !(await held.safeFirst(token, ended))) return
  const refused = await send(
    target,
    checked,
    envelope,
    ended,
    () => held.safe(token),
    () => held.leave(token),
  )
  if (refused === undefined) {
    count.rows += 1
    return
  }
  // Where the stream is over, or nobody reads any more, it is not the message's fault.
  target.check()
  if (ended.aborted) throw ended.reason
  // By the pipeline's own word, for want of room.
  if ((refused.error as Partial<SemelError>).code === 'SEMEL_DROPPED') {
    count.rows += 1
    return
  }
  const row = refusedRow(one.message, source.name, refused.error)
  await takeMalformed(target, held, isFirst ? undefined : token, row, ended, count)
}

/**
 * Resolves when the message has room.
 * @returns why it can't be taken, where it can't
 */
async function send(
  { sender }: Destination,
  checked: unknown,
  envelope: Envelope | undefined,
  ended: AbortSignal,
  stored: () => void,
  lost: () => void,
): Promise<{ readonly error: unknown } | undefined> {
  let refused: { readonly error: unknown } | undefined
  const teller: Teller<unknown> = {
    resolve: stored,
    reject(error, isUnknown) {
      if (isUnknown) lost()
      else refused = { error }
    },
  }
  const { awaited, left } = sender.enter(checked, 'stored', teller, envelope)
  if (left === undefined) return refused
  const giveUp = (): void => sender.giveUp(awaited, () => ended.reason)
  if (ended.aborted) giveUp()
  else ended.addEventListener('abort', giveUp)
  await left
  ended.removeEventListener('abort', giveUp)
  return refused
}

/** @param token undefined: it is acknowledged already */
async function takeMalformed(
  target: Destination,
  held: Held,
  token: unknown,
  row: MalformedRow,
  ended: AbortSignal,
  count: Count,
): Promise<void> {
  const { settings, offsets, ingest, ready, flush } = target
  const isFirst = settings.delivery === 'at-most-once'
  if (isFirst && token !== undefined && !(await held.safeFirst(token, ended))) return
  const partition = offsets.registerLive('handed out')
  const offset = offsets.reserve(partition, 1) + 1
  const push = malformedPush(ingest, row, { partition, offset }, offset % settings.shards)
  while (!push()) await ready({ signal: ended })
  count.rows += 1
  count.malformed += 1
  if (isFirst) return
  await flush({ signal: ended })
  held.safe(token)
}

async function closed(connection: AcknowledgedConnection<unknown>): Promise<void> {
  await connection.close()
}

function checkConnection(
  { name }: AcknowledgedSource<unknown>,
  connection: unknown,
): AcknowledgedConnection<unknown> {
  const { read, safe, close, extend, leaseMs } = (connection ?? {}) as Partial<
    AcknowledgedConnection<unknown>
  >
  const isOne =
    typeof read === 'function' &&
    typeof safe === 'function' &&
    typeof close === 'function' &&
    (extend === undefined || typeof extend === 'function') &&
    (leaseMs === undefined || (typeof leaseMs === 'number' && leaseMs > 0))
  if (isOne) return connection as AcknowledgedConnection<unknown>
  throw brokenSource(name, `connected to ${shown(connection)}, which has no read, safe and close`)
}

/** Each part of it read once. */
function checkBatch(
  { name }: AcknowledgedSource<unknown>,
  batch: unknown,
): readonly HandedOut<unknown>[] {
  if (!Array.isArray(batch)) throw brokenSource(name, `gave ${shown(batch)}, which is no list`)
  return (batch as readonly unknown[]).map((one) => {
    const isOne =
      typeof one === 'object' &&
      one !== null &&
      'token' in one &&
      ('message' in one || 'malformed' in one)
    if (!isOne)
      throw brokenSource(name, `gave ${shown(one)}, where a message is { message, token }`)
    const token = readOf(name, 'the token of a message', () => one.token)
    try {
      return 'malformed' in one
        ? { malformed: malformedOf(one.malformed), token }
        : contentOf(one as { readonly message: unknown; readonly headers?: unknown }, token)
    } catch (error) {
      return { malformed: refusedRow(undefined, name, error), token }
    }
  })
}

function contentOf(
  { message, headers }: { readonly message: unknown; readonly headers?: unknown },
  token: unknown,
): HandedOut<unknown> {
  return { message, token, headers: headers as MessageHeaders | undefined }
}
