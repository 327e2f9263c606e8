import { SemelError } from '../../core/errors.js'
import type { Frame } from '../../core/frame.js'
import type { Id } from '../../core/message.js'
import { shown } from '../../core/options.js'
import { unheeded } from '../../core/thenable.js'
import type { Graph } from '../../pipeline/graph.js'

/** A message's id by the pipeline; undefined where it has none. */
export type IdOf = (message: unknown) => Id | undefined

/** What it gives throws what the pipeline's `id` throws, and a SemelError where that answers no id. */
export function idReader(graph: Graph): IdOf {
  const { id } = graph.deliver
  if (id === undefined) return () => undefined
  if (typeof id !== 'function') return (message) => (message as Frame).u64(id.offset)
  return (message) => {
    const answer: unknown = id(message as never)
    if (isId(answer)) return answer
    unheeded(answer)
    throw new SemelError(
      'SEMEL_ID',
      `id answered ${shown(answer)} in the worker, which is no id; make it of what is in the message alone`,
    )
  }
}

function isId(answer: unknown): answer is Id {
  return typeof answer === 'string' || typeof answer === 'bigint' || Number.isSafeInteger(answer)
}
