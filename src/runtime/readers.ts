import type { Frame } from '../core/frame.js'
import type { Key } from '../core/message.js'
import type { At } from '../pipeline/frames.js'
import type { Graph } from '../pipeline/graph.js'

/** What must stay in order with a message; undefined where nothing must. */
export type KeyOf = (message: unknown) => Key | undefined

/** Without `keyBy` the id decides. */
export function keyReader(graph: Graph): KeyOf {
  const by = graph.keyBy ?? graph.deliver.id
  if (by === undefined) return () => undefined
  if (typeof by === 'function') return by as KeyOf
  return (message) => (message as Frame).u64((by as At).offset)
}

/** Whether a message that was stored at `storedMs` is older than the window. */
export type IsLate = (message: unknown, storedMs: number) => boolean

export function lateReader(graph: Graph): IsLate | undefined {
  const { time, windowMs } = graph.deliver
  if (time === undefined || windowMs === undefined) return undefined
  return (message, storedMs) => time(message as never) < storedMs - windowMs
}
