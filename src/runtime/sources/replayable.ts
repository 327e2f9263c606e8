import { InvalidArgumentError, type SemelError } from '../../core/errors.js'
import { checkOptions, shown } from '../../core/options.js'
import type {
  AssignedPartition,
  ReplayableConnection,
  ReplayableContext,
  ReplayableSource,
  RevokedOptions,
} from '../../core/replayable-source.js'
import type { SourceBatch } from '../../core/source.js'
import { nowMs, within } from '../../core/waiting/timers.js'
import { untilEnded } from '../../core/waiting/until-ended.js'
import type { Assignment } from './assignment.js'
import { Assignments } from './assignments.js'
import { together } from './consume.js'
import type { Consumed, ConsumeOptions, ConsumeParts } from './consumption.js'
import {
  calling,
  connected,
  endMsMax,
  endOf,
  reconnecting,
  type SourceFailed,
} from './reconnecting.js'
import { RowTaker } from './row-taker.js'
import { SafeTeller } from './safe-teller.js'
import { brokenSource, iterableOf } from './source-rows.js'

export interface ReplayableParts extends Omit<ConsumeParts, 'source'> {
  readonly source: ReplayableSource<unknown>
  readonly failed: (event: SourceFailed) => void
}

/** How often, at most, it is noted where the shards stand behind a batch. */
const noteMs = 1

/** Whether it is a source whose partitions come and go. */
export function isReplayable(source: unknown): source is ReplayableSource<unknown> {
  const { kind, connect } = (source ?? {}) as Partial<ReplayableSource<unknown>>
  return kind === 'replayable' && connect !== undefined
}

/** @throws InvalidArgumentError */
export function checkReplayable(source: ReplayableSource<unknown>): ReplayableSource<unknown> {
  const { name, connect } = source
  if (typeof name === 'string' && typeof connect === 'function') return source
  throw new InvalidArgumentError(
    `consume: ${shown(source)} is no replayable source; give one with a name and a connect`,
  )
}

/**
 * Reads a source whose partitions come and go, until it ends or the signal is given. Each message is
 * stored with its offset, and the source is told of an offset when all before it is confirmed.
 * Connections that fail are followed by others; what was taken of them goes its way.
 */
export async function consumeReplayable(parts: ReplayableParts): Promise<Consumed> {
  const { options, source } = parts
  checkOptions<ConsumeOptions>(options, 'consume', ['signal', 'onProgress', 'onNotice'])
  const taker = new RowTaker({ ...parts, source: source.name, isResumable: true })
  const reading = { ...parts, name: source.name }
  const signal = endOf(reading)
  const rows = (): number => taker.rows
  await reconnecting(reading, signal, rows, () => readConnection(parts, taker, signal))
  return { rows: taker.rows, malformed: taker.malformed }
}

async function readConnection(
  { source, options }: ReplayableParts,
  taker: RowTaker,
  signal: AbortSignal,
): Promise<void> {
  const breaking = new AbortController()
  const ended = AbortSignal.any([signal, breaking.signal])
  const broken = (error: unknown): void => breaking.abort(error)
  const { targets } = taker
  const assignments = new Assignments({ source: source.name, targets, ended, broken })
  let connection: ReplayableConnection<unknown> | undefined
  try {
    const context = contextOf(assignments, options, ended)
    const answer = await connected<unknown>(() => source.connect(context), ended)
    if (breaking.signal.aborted) throw breaking.signal.reason
    if (answer === undefined) return
    connection = checkConnection(source, answer.value)
    const safe = connection.safe?.bind(connection)
    assignments.begin(new SafeTeller(safe, broken))
    const batches = iterableOf<SourceBatch<unknown>>(source.name, connection.read())
    const ends = new Map<string, Pick<SourceBatch<unknown>, 'offset'> & { size: number | bigint }>()
    let last: Assignment | undefined
    let notedMs = nowMs()
    for await (const batch of untilEnded(batches, ended, endMsMax)) {
      if (nowMs() - notedMs >= noteMs) {
        last?.confirmed.note()
        notedMs = nowMs()
      }
      const assignment = taker.begin(batch, (name) => assignments.find(name))
      if (assignment === undefined) continue
      await takeBatch(taker, batch, assignment)
      last = assignment
      if (ended.aborted) break
      ends.set(batch.partition, { offset: batch.offset, size: batch.size ?? 0 })
      calling(() => {
        const { rows, malformed } = taker
        options.onProgress?.({ rows, malformed, ...together(ends.values()) })
      })
    }
    if (!breaking.signal.aborted && safe !== undefined) await allSafe(assignments, signal, ended)
    if (breaking.signal.aborted) throw breaking.signal.reason
  } finally {
    if (connection !== undefined) await within(closed(connection), endMsMax)
    assignments.end()
  }
}

function contextOf(
  assignments: Assignments,
  { onNotice }: ConsumeOptions,
  signal: AbortSignal,
): ReplayableContext {
  return {
    signal,
    notice: onNotice ?? (() => {}),
    assigned: (partitions: readonly AssignedPartition[]) => heeded(assignments.assign(partitions)),
    revoked: (partitions: readonly string[], options?: RevokedOptions) =>
      heeded(assignments.revoke(partitions, options)),
  }
}

/** A source that does not wait for it ends no process: what is wrong ends its reading. */
function heeded<T>(pending: Promise<T>): Promise<T> {
  pending.catch(() => {})
  return pending
}

/** What was revoked meanwhile is left, and read again by whoever has it then. */
async function takeBatch(
  taker: RowTaker,
  batch: SourceBatch<unknown>,
  assignment: Assignment,
): Promise<void> {
  const taking = (async () => {
    try {
      await taker.take(batch, assignment, {
        signal: assignment.signal,
        isLeft: () => assignment.isLeft,
        touched: (destination, shard) => assignment.confirmed.touched(destination, shard),
      })
    } catch (error) {
      if (!assignment.isLeft || error !== assignment.signal.reason) throw error
    } finally {
      assignment.confirmed.passed(assignment.reached)
    }
  })()
  assignment.taking = taking.catch(() => {})
  await taking
}

/** At the signal, what is under way has its time. */
async function allSafe(
  assignments: Assignments,
  signal: AbortSignal,
  ended: AbortSignal,
): Promise<void> {
  if (!signal.aborted) {
    await assignments.allSafe(ended)
    return
  }
  const late = new AbortController()
  await within(assignments.allSafe(late.signal), endMsMax)
  late.abort()
}

async function closed(connection: ReplayableConnection<unknown>): Promise<void> {
  await connection.close()
}

function checkConnection(
  { name }: ReplayableSource<unknown>,
  connection: unknown,
): ReplayableConnection<unknown> {
  const { read, safe, close } = (connection ?? {}) as Partial<ReplayableConnection<unknown>>
  const isOne =
    typeof read === 'function' &&
    typeof close === 'function' &&
    (safe === undefined || typeof safe === 'function')
  if (isOne) return connection as ReplayableConnection<unknown>
  const error: SemelError = brokenSource(
    name,
    `connected to ${shown(connection)}, which has no read and close`,
  )
  throw error
}
