import { types } from 'node:util'
import { SemelError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import { RejectedOutputs, type Sink, type SinkConnection, type SinkKind } from '../../core/sink.js'
import { CommitRefused, type Begun } from '../../core/transactional.js'
import { describeThrown } from '../../core/thrown.js'

const optional = ['rewind', 'place', 'flush', 'writeSome'] as const
const needed: Partial<Record<SinkKind, readonly string[]>> = {
  rewindable: ['rewind', 'place'],
  transactional: ['begin', 'commit', 'last'],
}

/**
 * What a sink's `connect` answered.
 * @throws SemelError `SEMEL_SINK` for what is no connection of the sink's kind
 */
export function checkConnection(answer: unknown, sink: Sink<never>): SinkConnection<unknown> {
  const isObject = typeof answer === 'object' || typeof answer === 'function'
  const connection = (isObject && answer !== null ? answer : {}) as Record<string, unknown>
  const must = ['write', 'close', ...(needed[sink.kind] ?? [])]
  const may = optional.filter((name) => connection[name] !== undefined)
  for (const name of [...must, ...may]) {
    if (typeof connection[name] === 'function') continue
    throw sinkError(
      sink.name,
      `connect answered ${shown(answer)}, whose ${name} is no function; answer a SinkConnection`,
    )
  }
  return answer as SinkConnection<unknown>
}

/** @throws SemelError `SEMEL_SINK` where the sink fails to close; all that was committed is written */
export async function closeConnection(
  connection: SinkConnection<unknown>,
  sink: Sink<never>,
): Promise<void> {
  try {
    await connection.close()
  } catch (thrown) {
    throw sinkError(sink.name, `it failed to close: ${describeThrown(thrown).message}`, thrown)
  }
}

/**
 * What a transactional sink's `begin` answered.
 * @throws SemelError `SEMEL_SINK` for what is no answer; `SEMEL_SINK_TAKEN` for another directory's commit
 */
export function checkBegun(answer: unknown, sink: Sink<never>, lineage: string): Begun {
  const { epoch, last } = (answer ?? {}) as Partial<Begun>
  const isLast =
    last === undefined ||
    (typeof last?.lineage === 'string' &&
      isCount(last.epoch, 1, Number.MAX_SAFE_INTEGER) &&
      isCount(last.n, 1, Number.MAX_SAFE_INTEGER))
  if (!isCount(epoch, 1, Number.MAX_SAFE_INTEGER) || !isLast) {
    throw sinkError(
      sink.name,
      `begin answered ${shown(answer)}; answer { epoch, last }: whole numbers, and the last commit's lineage`,
    )
  }
  if (last !== undefined && last.lineage !== lineage) {
    throw new SemelError(
      'SEMEL_SINK_TAKEN',
      `the sink ${sink.name} holds commits of another directory (lineage ${last.lineage}; this one's is ${lineage}) under this pipeline's name; give the pipeline another name, or go on with that directory; where that is lost, a new, empty one can go on in its stead: semel repair DIR --trust-sink --pipeline MODULE`,
    )
  }
  return { epoch, last }
}

const misfits = ['SEMEL_SINK_TAKEN', 'SEMEL_SINK_AHEAD', 'SEMEL_SINK_BEHIND', 'SEMEL_FENCED']

/** Sink and directory do not fit each other, or it is another worker's: asking again helps nobody. */
export function isMisfit(error: unknown): boolean {
  return error instanceof SemelError && misfits.includes(error.code)
}

/** What a write has refused, in a form that can be relied on. */
export interface Rejection {
  /** How many outputs have been written, from the front. */
  readonly written: number
  /** Index → why. */
  readonly rejected: ReadonlyMap<number, unknown>
}

/**
 * What a write threw, as a rejection of single outputs, or undefined where it is none.
 * @param outputs how many were to be written
 * @throws SemelError `SEMEL_SINK` for a rejection that can't be: nobody knows what it means
 */
export function rejectionOf(thrown: unknown, outputs: number): Rejection | undefined {
  let written: unknown
  let rejected: ReadonlyMap<unknown, unknown>
  try {
    if (!isRejection(thrown)) return undefined
    written = thrown.written
    rejected = new Map<unknown, unknown>(thrown.rejected)
  } catch (error) {
    throw new SemelError(
      'SEMEL_SINK',
      `what it threw can't be read: ${describeThrown(error).message}`,
    )
  }
  if (!isCount(written, 0, outputs)) {
    throw impossible(`${shown(written)} written outputs of ${outputs}`)
  }
  if (rejected.size === 0) throw impossible('no rejected output')
  for (const index of rejected.keys()) {
    if (isCount(index, written, outputs - 1)) continue
    throw impossible(`the index ${shown(index)} of ${outputs} outputs, ${written} of them written`)
  }
  return { written, rejected: rejected as ReadonlyMap<number, unknown> }
}

function isRejection(thrown: unknown): thrown is RejectedOutputs {
  return thrown instanceof RejectedOutputs || isForeign(thrown, 'RejectedOutputs')
}

/** Whether a commit was refused as not following on what the sink has. */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof CommitRefused || isForeign(thrown, 'CommitRefused')
}

/** Of another copy of the library, which a connector may have brought along. */
function isForeign(thrown: unknown, name: string): boolean {
  return types.isNativeError(thrown) && thrown.name === name
}

/** @throws SemelError `SEMEL_SINK` where a sink can't have written so many of its outputs */
export function checkWritten(answer: unknown, outputs: number): number {
  if (isCount(answer, 1, outputs)) return answer
  throw new SemelError(
    'SEMEL_SINK',
    `writeSome answered ${shown(answer)}; answer how many of ${outputs} outputs were written, at least one`,
  )
}

function isCount(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

function impossible(what: string): SemelError {
  return new SemelError(
    'SEMEL_SINK',
    `the sink threw RejectedOutputs with ${what}; name at least one output that was not written, by its index in the outputs that it was given`,
  )
}

/**
 * A rewindable sink's place, which never goes back, or why it has none; −1 where it needs none.
 * @param least its place at the last commit
 */
export function placeOf(connection: SinkConnection<unknown>, least: number): number | SemelError {
  if (connection.place === undefined) return -1
  let place: unknown
  try {
    place = connection.place()
  } catch (thrown) {
    const { message } = describeThrown(thrown)
    return new SemelError('SEMEL_SINK', `place failed: ${message}`, { cause: thrown })
  }
  if (isCount(place, Math.max(0, least), Number.MAX_SAFE_INTEGER)) return place
  return new SemelError(
    'SEMEL_SINK',
    `place answered ${shown(place)}; answer a whole number that is not below the last one, ${least}`,
  )
}

function sinkError(name: string, what: string, cause?: unknown): SemelError {
  return new SemelError('SEMEL_SINK', `the sink ${name}: ${what}`, { cause })
}
