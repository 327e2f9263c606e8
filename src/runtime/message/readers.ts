import { SemelError } from '../../core/errors.js'
import type { Frame } from '../../core/frame.js'
import type { Key } from '../../core/message.js'
import { shown } from '../../core/options.js'
import { unheeded } from '../../core/thenable.js'
import { describeThrown } from '../../core/thrown.js'
import type { At } from '../../pipeline/frames.js'
import type { Graph } from '../../pipeline/graph.js'
import { checkedKey } from './keys.js'

/** In place of a key that a message should have, and does not: why its order can't be kept. */
export class Unkeyed {
  readonly error: SemelError

  constructor(why: string) {
    this.error = new SemelError(
      'SEMEL_KEY',
      `${why}; make the key of what is in the message alone, so that it is the same at any time`,
    )
  }
}

/** What must stay in order with a message; undefined where nothing must. Never throws. */
export type KeyOf = (message: unknown) => Key | Unkeyed | undefined

/**
 * Without `keyBy` the id decides. A function is asked in the worker again, where order is at stake.
 * @param belongs whether a key is one of the shard that the message has gone to
 */
export function keyReader(graph: Graph, belongs: (key: Key) => boolean): KeyOf {
  const by = graph.keyBy ?? graph.deliver.id
  if (by === undefined) return () => undefined
  if (typeof by !== 'function') return (message) => (message as Frame).u64((by as At).offset)
  const name = graph.keyBy === undefined ? 'id' : 'keyBy'
  return (message) => {
    let key: Key
    try {
      key = checkedKey((by as (message: unknown) => unknown)(message))
    } catch (thrown) {
      return new Unkeyed(`${name} failed in the worker: ${describeThrown(thrown).message}`)
    }
    if (belongs(key)) return key
    return new Unkeyed(
      `${name} answered ${shown(key)} in the worker, and another key when the message was taken in`,
    )
  }
}

/** Whether a message that was stored at `storedMs` is older than the window. */
export type IsLate = (message: unknown, storedMs: number) => boolean

export function lateReader(graph: Graph): IsLate | undefined {
  const { time, windowMs } = graph.deliver
  if (time === undefined || windowMs === undefined) return undefined
  return (message, storedMs) => timeMsOf(time(message as never)) < storedMs - windowMs
}

/** @throws SemelError for what is no time: the message would be of any age */
function timeMsOf(time: unknown): number {
  const timeMs = time instanceof Date ? time.getTime() : time
  if (typeof timeMs === 'number' && Number.isFinite(timeMs)) return timeMs
  unheeded(time)
  throw new SemelError(
    'SEMEL_TIME',
    `deliver.time answered ${shown(time)}, which is no time; answer milliseconds since 1970, or a Date`,
  )
}
