import type { Delivery } from '../../core/delivery.js'
import type { Id, MessageContext, Produced } from '../../core/message.js'
import type { Operator } from '../../core/operator.js'
import { maxIdsDefault, type Deliver } from '../../pipeline/deliver.js'
import {
  define,
  requireGraph,
  withDelivery,
  type Definition,
  type Graph,
} from '../../pipeline/graph.js'
import { readConfig } from '../../runtime/settings/config-file.js'
import { definitionOf, whereaboutsOf } from '../../runtime/workers/load.js'
import { Board } from './board.js'
import { countingSink } from './counting-sink.js'
import { replay } from './replay.js'

/** A pipeline as it is measured. */
export interface Subject {
  /** The URL of the module that exports it. */
  readonly module: string
  /** The path of a JSON file with what it is configured by. */
  readonly config?: string
  readonly delivery: Delivery
  /** Whether its own sink is used, or one that counts. */
  readonly ownSink: boolean
  /** Whether arrivals are noted on the board. */
  readonly isWatched: boolean
}

/** The URL by which all threads find the subject. */
export function subjectUrl({ module, config, delivery, ownSink, isWatched }: Subject): URL {
  const url = new URL('subject.pipeline.js', import.meta.url)
  url.searchParams.set('module', module)
  if (config !== undefined) url.searchParams.set('config', config)
  url.searchParams.set('delivery', delivery)
  if (ownSink) url.searchParams.set('ownSink', '')
  if (isWatched) url.searchParams.set('isWatched', '')
  return url
}

export function subjectAt({ searchParams }: URL): Subject {
  const config = searchParams.get('config')
  return {
    module: searchParams.get('module') as string,
    ...(config === null ? {} : { config }),
    delivery: searchParams.get('delivery') as Delivery,
    ownSink: searchParams.has('ownSink'),
    isWatched: searchParams.has('isWatched'),
  }
}

/**
 * The pipeline with what measuring asks for, and nothing else changed:
 * - ids and producers' numbers are new in each round of the sample (replay.ts)
 * - under a delivery that is not the pipeline's own and needs no ids, none are kept: the delivery is
 *   measured and not its luxury
 * - a full index shortens its window instead of waiting a day, and no message is late
 * - where at-most-once drops, it waits: what is dropped costs nothing
 * - a sink that counts takes the place of its own, but for `ownSink`
 * @throws InvalidArgumentError where the pipeline can't be delivered so
 */
export async function subjectOf(subject: Subject): Promise<Definition<never>> {
  const graph = subjectGraph(await graphAt(subject.module, subject.config), subject.delivery)
  return define({
    ...graph,
    deliver: replayed(graph.deliver),
    operators: subject.isWatched ? [watch, ...graph.operators] : graph.operators,
    sinks: subject.ownSink
      ? graph.sinks
      : graph.sinks.map((one) => ({ ...one, sink: countingSink(one.sink.kind) as never })),
  })
}

/**
 * The pipeline that a module exports, by the module's URL, perhaps with `#name`.
 * @param config the path of a JSON file with what it is configured by
 * @throws InvalidArgumentError where it exports none
 */
export async function graphAt(url: string, config?: string): Promise<Graph> {
  const { module, name } = whereaboutsOf(url)
  const exports = (await import(module)) as Record<string, unknown>
  const given = config === undefined ? undefined : readConfig(config)
  return requireGraph(definitionOf(exports, module, name), module, given)
}

/**
 * The pipeline under a delivery, plainly.
 * @throws InvalidArgumentError where it can't be delivered so
 */
export function subjectGraph(graph: Graph, delivery: Delivery): Graph {
  const own = withDelivery(graph, delivery)
  const isOwn =
    delivery === 'exactly-once' ||
    (graph.classes?.delivers ?? [graph.deliver]).some((one) => one.delivery === delivery)
  if (isOwn) return own
  return {
    ...own,
    deliver: { delivery, maxIds: maxIdsDefault, whenFull: 'wait', overflow: 'wait' },
  }
}

function replayed(deliver: Deliver): Deliver {
  const { id, producer, time, ...rest } = deliver
  const changed: Deliver = { ...rest, whenFull: 'shorten-window', overflow: 'wait' }
  if (producer !== undefined) {
    return {
      ...changed,
      producer: (message) => replay.produced((producer as (message: never) => Produced)(message)),
    }
  }
  if (id === undefined) return changed
  return {
    ...changed,
    // Of frames, the sender writes the id into each.
    id:
      typeof id === 'function'
        ? (message) => replay.id((id as (message: never) => Id)(message))
        : id,
    ...(time === undefined ? {} : { time: now(time) }),
  }
}

/** It is asked, for what that costs; the sample may be from long ago. */
function now(time: (message: never) => number): (message: never) => number {
  return (message) => {
    time(message)
    return Date.now()
  }
}

let board: Board | undefined
let clock: () => number

const watch: Operator = {
  kind: 'tap',
  apply: (_message: never, { sequence }: MessageContext) => {
    if (board === undefined) {
      board = Board.find() as Board
      clock = board.clock()
    }
    board.arrived(sequence, clock())
  },
}
