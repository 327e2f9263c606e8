import type { Source, SourceRow } from 'semel'
import { generateFeed, readFeed } from './feed.js'
import { mergeLines, overLine, type Arrival, type Line } from './lines.js'
import { Sequencer, type LineCount } from './sequencer.js'

/** A session as it came in over both lines. The same files and seed give the same session. */
export interface Session {
  readonly rows: readonly SourceRow<Arrival>[]
  /** Messages that the exchange published. */
  readonly published: number
  readonly lines: Readonly<Record<Line, Readonly<LineCount>>>
  /** Messages that came over neither line. */
  readonly lost: number
}

const seed = 20120621
const generatedCount = 60_000

/** The session of these recordings, or without any a generated one. */
export async function receive(files: readonly string[]): Promise<Session> {
  const feed = files.length > 0 ? await readFeed(files) : generateFeed(seed, generatedCount)
  const published = feed.messages.length
  const sequencer = new Sequencer()
  const arrivals = mergeLines(
    overLine(feed.messages, 'A', seed + 1),
    overLine(feed.messages, 'B', seed + 2),
  )
  const released = arrivals.flatMap((arrival) => sequencer.push(arrival))
  const copies = released.concat(sequencer.end(published))
  const rows = [
    ...feed.malformed.map((malformed, i) => ({ malformed, offset: i + 1 })),
    ...copies.map((message, i) => ({ message, offset: feed.malformed.length + i + 1 })),
  ]
  return { rows, published, lines: sequencer.lines, lost: sequencer.lost }
}

const batchRows = 1024

/**
 * The session as a source. It is resumable since a session can be had again: an offset is an index in
 * the order of its rows.
 */
export function sessionSource(
  files: readonly string[],
  load: () => Session | Promise<Session> = () => receive(files),
): Source<Arrival> {
  const partition = files.length > 0 ? files.join(', ') : 'generated'
  return {
    name: `session(${partition})`,
    resumable: true,
    partitions: [partition],
    async *read({ offsets, signal }) {
      const { rows } = await load()
      let offset = Number(offsets.get(partition) ?? 0)
      while (offset < rows.length && !signal.aborted) {
        const batch = rows.slice(offset, offset + batchRows)
        offset += batch.length
        yield { partition, rows: batch, offset, size: rows.length }
      }
    },
  }
}
