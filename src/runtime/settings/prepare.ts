import { InvalidArgumentError } from '../../core/errors.js'
import type { Classes } from '../../pipeline/classes.js'
import { requireGraph, withDelivery, type Graph } from '../../pipeline/graph.js'
import type { OpenOptions } from './open-options.js'
import { settingsOf, settingsOfClasses, type Settings } from './options.js'

/** A pipeline under one delivery, with its settings. */
export interface Prepared {
  readonly graph: Graph
  readonly settings: Settings
}

/**
 * A definition and its options, checked against each other.
 * @param where the definition comes from; named in the error
 * @param config what it is built with; the caller's own
 * @returns one for each class, where messages choose their delivery; otherwise one
 * @throws InvalidArgumentError naming the option, the hop and the remedy
 */
export function prepare(
  definition: unknown,
  where: string,
  options: OpenOptions | undefined,
  config?: unknown,
): { classes: Classes | undefined; prepared: readonly [Prepared, ...Prepared[]] } {
  const graph = requireGraph(definition, where, config)
  // A delivery that is given by the opener holds for all messages.
  const classes = options?.delivery === undefined ? graph.classes : undefined
  if (classes === undefined) {
    return { classes, prepared: [prepareOne(graph, settingsOf(options, graph.deliver.delivery))] }
  }
  const deliveries = classes.delivers.map(({ delivery }) => delivery)
  const prepared = settingsOfClasses(options, deliveries).map((settings) =>
    prepareOne(graph, settings),
  )
  return { classes, prepared: prepared as [Prepared, ...Prepared[]] }
}

function prepareOne(graph: Graph, settings: Settings): Prepared {
  // Checked again: a definition may come from another copy of the library.
  const own = withDelivery(graph, settings.delivery)
  if (!settings.journal && own.deliver.producer !== undefined) {
    throw new InvalidArgumentError(
      'journal: what producers number is sent, and without a journal nothing can be; leave journal out, or deliver without producer',
    )
  }
  return { graph: own, settings }
}
