import type { Delivery } from '../core/delivery.js'
import { InvalidArgumentError } from '../core/errors.js'
import { shown } from '../core/options.js'
import type { Sink, SinkKind } from '../core/sink.js'
import { refusals, type Refusals, type Refused } from './refusals.js'

/** The kinds of sinks with which each delivery can be kept. */
export interface Carriers {
  'at-most-once': SinkKind
  'at-least-once': SinkKind
  'exactly-once': 'transactional' | 'rewindable' | 'idempotent'
}

/** `unknown` where a sink of kind K can carry D, and otherwise what to write instead. */
export type Carried<D extends Delivery | undefined, K extends SinkKind> = [D] extends [Delivery]
  ? 'exactly-once' extends D
    ? [K] extends [Carriers['exactly-once']]
      ? unknown
      : Refused<Uncarried<D, K>>
    : unknown
  : Refused<Refusals['undelivered']>

/** As `uncarried` says it, but for the sink's name, which the compiler does not know. */
export type Uncarried<D extends Delivery, K extends SinkKind> = [K] extends ['repeatable']
  ? `the sink is repeatable, and ${Demand<D>} ${Refusals['carrier']}`
  : `the sink may be repeatable, and ${Demand<D>} ${Refusals['carrierKind']}`

type Demand<D extends Delivery> = [D] extends ['exactly-once']
  ? 'exactly-once'
  : 'the delivery may be exactly-once, which'

const sinkKinds: readonly SinkKind[] = ['transactional', 'rewindable', 'idempotent', 'repeatable']

const carriers: { readonly [D in Delivery]: readonly Carriers[D][] } = {
  'at-most-once': sinkKinds,
  'at-least-once': sinkKinds,
  'exactly-once': ['transactional', 'rewindable', 'idempotent'],
}

/**
 * Checks that a sink is one, and that it can carry the delivery.
 * @param where `to`, or what changes the delivery afterwards; named in the error
 * @throws InvalidArgumentError
 */
export function checkSink(sink: unknown, delivery: Delivery, where: string): Sink<never> {
  if (!isSink(sink)) {
    throw new InvalidArgumentError(
      `${where}: ${shown(sink)} is not a sink; give one such as file('out.ndjson') or forEach(handler)`,
    )
  }
  if (!(carriers[delivery] as readonly SinkKind[]).includes(sink.kind)) {
    throw new InvalidArgumentError(`${where}: ${uncarried(sink, delivery)}`)
  }
  return sink
}

function uncarried({ name, kind }: Sink<never>, delivery: Delivery): string {
  return `the sink ${name} is ${kind}, and ${delivery} ${refusals.carrier}`
}

function isSink(value: unknown): value is Sink<never> {
  if (typeof value !== 'object' || value === null) return false
  const { name, kind, connect } = value as Partial<Sink<never>>
  return (
    typeof name === 'string' &&
    (sinkKinds as readonly unknown[]).includes(kind) &&
    typeof connect === 'function'
  )
}
