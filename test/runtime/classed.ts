import { memory, pipeline, type OpenOptions } from 'semel'
import type { Move } from '../fixtures/moves.js'
import { opened, scratch, small } from './verbs.js'

type Handle = (move: Move) => unknown

/** A definition whose orders are delivered exactly once, and whose moves of a cursor at most once. */
export function definition(sink: ReturnType<typeof memory<Move>>, handle: Handle = () => {}) {
  return pipeline('moves')
    .accepts<Move>()
    .deliver(({ kind }) => (kind === 'order' ? 'exactly-once' : 'at-most-once'), {
      'exactly-once': { id: ({ id }) => id, window: '1h' },
      'at-most-once': { overflow: 'drop-newest' },
    })
    .keyBy(({ key }) => key)
    .tap(handle)
    .to(sink)
}

export async function inline(options: OpenOptions<Move> = {}, handle?: Handle) {
  const sink = memory<Move>()
  const stream = await opened<Move>(definition(sink, handle), {
    ...small,
    dir: scratch(),
    durability: 'process',
    workers: 0,
    ...options,
  })
  return { sink, stream }
}

export const orders = (all: readonly Move[]): Move[] => all.filter(({ kind }) => kind === 'order')
export const cursors = (all: readonly Move[]): Move[] => all.filter(({ kind }) => kind === 'cursor')
