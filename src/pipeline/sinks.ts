import type { Delivery } from '../core/delivery.js'
import { InvalidArgumentError } from '../core/errors.js'
import type { Sink } from '../core/sink.js'
import { checkSink } from './carriers.js'
import { refusals } from './refusals.js'

/** What a sink is given. */
export type Takes = 'outputs' | 'dead-letters' | 'late'

/** One of a pipeline's sinks. */
export interface GraphSink {
  /**
   * By it a directory knows the sink again: `0`, `1` … of `to`, a branch's name (with `.0`, `.1` … where
   * it has several), `dead-letters` and `late-messages`.
   */
  readonly label: string
  readonly takes: Takes
  readonly sink: Sink<never>
}

/** As many as a word has bits (runtime/operators/routed.ts). */
export const sinksMax = 32

/**
 * What is given to a `to`, labelled.
 * @param label of the only one; several are numbered
 * @throws InvalidArgumentError
 */
export function outputSinks(
  sinks: readonly unknown[],
  delivery: Delivery,
  label: (at: number) => string,
): GraphSink[] {
  // So that `to()` says what it needs.
  const given = sinks.length === 0 ? [undefined] : sinks
  return given.map((sink, at) => ({
    label: label(at),
    takes: 'outputs',
    sink: checkSink(sink, delivery, 'to'),
  }))
}

/**
 * Whether a pipeline can have these sinks side by side.
 * @throws InvalidArgumentError
 */
export function checkTogether(
  sinks: readonly GraphSink[],
  deliveries: readonly Delivery[],
  where: string,
): readonly GraphSink[] {
  const refuse = (why: string): never => {
    throw new InvalidArgumentError(`${where}: ${why}`)
  }
  if (sinks.length > sinksMax)
    refuse(`it has ${sinks.length} sinks; a pipeline has at most ${sinksMax}`)
  const transactional = sinks.filter(({ sink }) => sink.kind === 'transactional')
  if (deliveries.includes('exactly-once') && transactional.length > 1) {
    const names = transactional.map(({ sink }) => sink.name).join(' and ')
    refuse(`${names}: ${refusals.transactionals}`)
  }
  if (sinks.length > 1 && sinks.some(({ sink }) => sink.isRead === true))
    refuse(refusals.readBeside)
  for (const [at, { sink }] of sinks.entries()) {
    if (sinks.findIndex((other) => other.sink === sink) === at) continue
    refuse(`${sink.name} ${refusals.sinkTwice}`)
  }
  return Object.freeze(sinks.map((one) => Object.freeze(one)))
}
