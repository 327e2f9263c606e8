import { InvalidArgumentError } from '../core/errors.js'
import { decisionsOf } from '../delivery/decisions.js'
import { requireGraph, withDelivery, type Graph } from '../pipeline/graph.js'
import { settle, type OpenOptions, type Settings } from './options.js'

/**
 * A definition and its options, checked against each other.
 * @param where the definition comes from; named in the error
 * @throws InvalidArgumentError naming the option, the hop and the remedy
 */
export function prepare(
  definition: unknown,
  where: string,
  options: OpenOptions | undefined,
): { graph: Graph; settings: Settings } {
  const found = requireGraph(definition, where)
  const settings = settle(options, found.deliver.delivery)
  // Checked again: a definition may come from another copy of the library.
  const graph = withDelivery(found, settings.delivery)
  const refusal = decisionsOf(settings.delivery).refusesSink(graph.sink)
  if (refusal !== undefined) throw new InvalidArgumentError(`open: ${refusal}`)
  return { graph, settings }
}
