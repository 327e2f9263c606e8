import { InvalidArgumentError } from '../../core/errors.js'
import { addon } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'

/** As many as the ack log has places for (native/acklog/sink_places.h). */
const numbersMax = 64
/** The only sink of a pipeline has the number 0, and nothing is written down for that. */
const labelOfOne = '0'

/**
 * By sink of the pipeline, the number under which the directory keeps its place: by labels, so that a sink
 * finds its own again when others come or go. A number is never given twice.
 * @throws InvalidArgumentError where the directory has had too many
 */
export function sinkNumbers(
  handle: number,
  { name, sinks }: Pick<Graph, 'name' | 'sinks'>,
  directory: string,
): number[] {
  if (directory === '') return sinks.map((_, at) => at)
  const bytes = addon().getFile(handle, 'sinks')
  const labels = bytes.length === 0 ? [labelOfOne] : (JSON.parse(bytes.toString()) as string[])
  const known = labels.length
  const numbers = sinks.map(({ label }) => {
    const at = labels.indexOf(label)
    return at < 0 ? labels.push(label) - 1 : at
  })
  if (labels.length === known) return numbers
  if (labels.length > numbersMax) {
    throw new InvalidArgumentError(
      `open: the directory of ${name} has known ${known} sinks (${labels.join(', ')}), and takes no more than ${numbersMax}; give branches the names that they had, or open another directory`,
    )
  }
  addon().putFile(handle, 'sinks', Buffer.from(JSON.stringify(labels)))
  return numbers
}
