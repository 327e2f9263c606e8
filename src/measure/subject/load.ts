import { join } from 'node:path'
import type { Batch } from '../../acknowledge/batched.js'
import { deliveries } from '../../core/delivery.js'
import { open } from '../../runtime/stream/open.js'
import type { OpenOptions } from '../../runtime/settings/open-options.js'
import type { Stream } from '../../runtime/stream/stream.js'
import { feedOf, type Feed } from './feed.js'
import { readSample } from '../sample.js'
import { graphAt, subjectGraph, subjectUrl, type Subject } from './subject.js'
import { wayOptions, type Way } from './ways.js'

/** What is measured, and how it is sent to: all of it can be written as JSON. */
export interface Load {
  readonly subject: Subject
  /** The path of a file that `writeSample` has made. */
  readonly sample: string
  readonly way: Way
  /** Of `open`; the directory is the child's. */
  readonly options: OpenOptions
}

export interface Opened {
  readonly stream: Stream<never>
  readonly feed: Feed
}

/** Opens what is measured in a child, in a directory of its own. */
export async function openLoad(
  { subject, sample, way, options }: Load,
  dir: string,
  onBatch: (batch: Batch<unknown>) => void = () => {},
): Promise<Opened> {
  const messages = readSample(sample)
  // A sink of the pipeline's own that is given a relative path writes here.
  if (subject.ownSink) process.chdir(dir)
  const graph = subjectGraph(await graphAt(subject.module, subject.config), subject.delivery)
  const keeps = subject.delivery !== deliveries[0]
  const stream = await open<never>(subjectUrl(subject), {
    ...options,
    ...wayOptions(way, onBatch),
    ...(keeps ? { dir: join(dir, 'data') } : {}),
  })
  return { stream, feed: feedOf(graph, messages) }
}

/** What became of messages besides being processed, in words; undefined where all were. */
export function noteOf(stream: Stream<never>): string | undefined {
  const { stored, processed, filtered, duplicate, late, deadLettered, dropped, parked } =
    stream.counters()
  const all = stored || 1
  const shares: [string, number][] = [
    ['filtered', filtered],
    ['duplicates', duplicate],
    ['late', late],
    ['dead letters', deadLettered],
    ['dropped', dropped],
    ['parked', parked],
  ]
  const parts = shares.flatMap(([name, count]) =>
    count === 0 ? [] : [`${name} ${((100 * count) / all).toPrecision(2)} %`],
  )
  if (processed === all || parts.length === 0) return undefined
  return parts.join(', ')
}
