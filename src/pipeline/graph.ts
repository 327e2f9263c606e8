import type { Delivery } from '../core/delivery.js'
import { InvalidArgumentError } from '../core/errors.js'
import type { Key } from '../core/message.js'
import type { Operator } from '../core/operator.js'
import { shown } from '../core/options.js'
import type { Sink } from '../core/sink.js'
import type { Limit } from '../reliability/limit.js'
import type { RetryPolicy } from '../reliability/retry.js'
import { checkSink } from './carriers.js'
import { checkTogether, type GraphSink } from './sinks.js'
import type { Classes } from './classes.js'
import { isDelivery, redeliver, type Deliver } from './deliver.js'
import type { At, FrameFormat } from './frames.js'
import { refusals } from './refusals.js'
import type { OpenedResource } from './resource.js'
import type { Validated } from '../core/schema.js'

/** What a pipeline takes: objects, perhaps checked at the door, or raw frames of one size. */
export type Accepts =
  | { readonly kind: 'object'; readonly validate?: (value: unknown) => Validated<unknown> }
  | FrameFormat

/** A definition as data: checked, complete and frozen, so that a runtime needs no check of its own. */
export interface Graph {
  readonly name: string
  readonly accepts: Accepts
  /** Where messages choose, that of the strictest class. */
  readonly deliver: Deliver
  /** Where the delivery is a function of the message. */
  readonly classes?: Classes
  /** Of the message as it was sent, after its check. Without it, id or producer decide the shard. */
  readonly keyBy?: ((message: never) => Key) | At
  readonly operators: readonly Operator[]
  readonly retry: RetryPolicy
  /** Asynchronous operators in flight for each shard. */
  readonly concurrency: number
  /** Of one attempt's promises; undefined: they have all the time. */
  readonly timeoutMs?: number
  /** Of the rates at which attempts begin: at most one of the stream, and one of each key. */
  readonly limits?: readonly Limit[]
  /** At least one. */
  readonly sinks: readonly GraphSink[]
  /** Which of them the values behind the last operator go to; empty behind branches, which have their own. */
  readonly to: readonly number[]
  /** What its handlers share: opened in each worker before its shards, closed behind them. */
  readonly resources?: readonly OpenedResource[]
}

/** @throws InvalidArgumentError for a rate of each key that can't be kept */
export function checkLimits(
  { limits, keyBy }: Pick<Graph, 'limits' | 'keyBy'>,
  { delivery, id }: Deliver,
  where: string,
): void {
  if (limits?.some(({ by }) => by === 'key') !== true) return
  if (delivery === 'at-most-once') {
    throw new InvalidArgumentError(`${where}: ${refusals.unparked}`)
  }
  if (keyBy === undefined && id === undefined) {
    throw new InvalidArgumentError(`${where}: ${refusals.keyless}`)
  }
}

/** Whether all outputs go to one sink, and nothing else does: the common case, which costs nothing more. */
export function isPlain({ sinks, to }: Pick<Graph, 'sinks' | 'to'>): boolean {
  return sinks.length === 1 && to.length === 1
}

/** The same pipeline, whose outputs all go to this sink, each once; nothing else goes anywhere. */
export function intoOne(graph: Graph, sink: Sink<never>): Graph {
  const operators = graph.operators.map((operator) =>
    operator.kind === 'branch'
      ? { ...operator, branches: operator.branches.map((branch) => ({ ...branch, to: [0] })) }
      : operator,
  )
  const sinks: readonly GraphSink[] = [{ label: '0', takes: 'outputs', sink }]
  const to = graph.to.length === 0 ? [] : [0]
  return Object.freeze<Graph>({ ...graph, operators, sinks, to })
}

/** As messages name them: `file(a.ndjson) and file(b.ndjson)`. */
export function sinkNames({ sinks }: Pick<Graph, 'sinks'>): string {
  const names = sinks.map(({ sink }) => sink.name)
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** Whether dead letters go to a sink as well. */
export function hasLetterSink({ sinks }: Pick<Graph, 'sinks'>): boolean {
  return sinks.some(({ takes }) => takes === 'dead-letters')
}

/** Whether somebody reads its outputs in a loop. */
export function isRead({ sinks }: Pick<Graph, 'sinks'>): boolean {
  return sinks.some(({ sink }) => sink.isRead === true)
}

/** The property that holds a definition's graph; registered, so that two copies of semel share it. */
export const graphKey: unique symbol = Symbol.for('semel.pipeline') as never

/** The property that holds the name of a pipeline without a sink, so that openers can say so. */
export const unfinishedKey: unique symbol = Symbol.for('semel.pipeline.unfinished') as never

/** The property that holds how a definition with a home is built; registered like the graph's. */
export const buildKey: unique symbol = Symbol.for('semel.pipeline.build') as never

declare const input: unique symbol
declare const output: unique symbol
declare const configuration: unique symbol
declare const reading: unique symbol

/**
 * A pipeline that is complete: frozen data, importable from any thread, opened by `open`.
 * @typeParam In what `send` takes
 * @typeParam Out what the operators make of it, for the sink and for senders that wait for results
 * @typeParam Config what `open` must be given as `config`; undefined: nothing
 * @typeParam R `'outputs'` where whoever opens it reads its outputs
 */
export interface Definition<In, Out = unknown, Config = undefined, R = unknown> {
  readonly name: string
  /** The URL of the module that it lives in, where it was made with one. */
  readonly module?: string
  /** Missing where it is built with a configuration. */
  readonly [graphKey]?: Graph
  readonly [buildKey]?: (config: never) => Graph
  /** Only a type: a definition takes In, and so whatever is assignable to it. */
  readonly [input]?: (message: In) => void
  readonly [output]?: Out
  readonly [reading]?: R
  /** Only a type. A method, so that one whose configuration is not known can be named at all. */
  [configuration]?(config: Config): void
}

/** A definition whatever it takes, makes and is configured by. */
export type AnyDefinition = Definition<never, unknown, never>

export function define<In>(graph: Graph): Definition<In> {
  return Object.freeze({ name: graph.name, [graphKey]: graph })
}

/** The graph of a definition, of this copy of the library or another; undefined of anything else. */
export function graphOf(value: unknown): Graph | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Partial<AnyDefinition>)[graphKey]
}

/**
 * Whether a value is a complete pipeline, built or to be built with a configuration.
 * @example if (isDefinition(module.default)) await open(module.default, { workers: 0 })
 */
export function isDefinition(value: unknown): value is AnyDefinition {
  return graphOf(value) !== undefined || buildOf(value) !== undefined
}

/** How a definition with a home is built; undefined of anything else. */
export function buildOf(value: unknown): ((config: never) => Graph) | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Partial<AnyDefinition>)[buildKey]
}

/**
 * The graph of what should be a definition.
 * @param where it comes from, a module's path, say; named in the error
 * @param config what it is built with, where it asks for that: data of the caller's own copy
 * @throws InvalidArgumentError where it is none, with what is missing; and what building it throws
 */
export function requireGraph(value: unknown, where: string, config?: unknown): Graph {
  const build = buildOf(value)
  if (build !== undefined) return build(config as never)
  const graph = graphOf(value)
  if (graph !== undefined && config !== undefined) {
    throw new InvalidArgumentError(
      `${where}: the pipeline ${graph.name} takes no config; leave it out, or define it as pipeline(import.meta, '${graph.name}', (p, config) => …)`,
    )
  }
  if (graph !== undefined) return graph
  if (typeof value === 'object' && value !== null && unfinishedKey in value) {
    throw new InvalidArgumentError(
      `${where}: the pipeline ${String(value[unfinishedKey])} has no sink: end it with .to(…)`,
    )
  }
  throw new InvalidArgumentError(
    `${where}: ${shown(value)} is not a pipeline; give (or export as default) pipeline('name')….to(sink)`,
  )
}

/**
 * The same pipeline under one delivery: that class of it, where messages choose, and otherwise as if
 * it were its own, to compare them. Id, window and bounds then stay as they are: a pipeline that drops
 * duplicates goes on to do so.
 * @throws InvalidArgumentError where the delivery is unknown, needs an id and a window or a producer
 * that the pipeline does not have, or a sink of another kind
 */
export function withDelivery(graph: Graph, delivery: Delivery): Graph {
  if (!isDelivery(delivery)) {
    throw new InvalidArgumentError(`delivery: ${shown(delivery)} is unknown; ${refusals.delivery}`)
  }
  const { classes, ...rest } = graph
  const own = classes?.delivers.find((deliver) => deliver.delivery === delivery)
  const deliver = own ?? redeliver(graph.deliver, delivery, 'open')
  checkLimits(rest, deliver, 'open')
  for (const { sink } of rest.sinks) checkSink(sink, delivery, 'open')
  const sinks = checkTogether(rest.sinks, [delivery], 'open')
  return Object.freeze({ ...rest, deliver, sinks })
}
