import { random } from '../random.js'
import type { Quote, Trade } from './feed.js'

export type Line = 'A' | 'B'

/** A copy of a message as it comes in over a line. */
export interface Arrival {
  readonly line: Line
  readonly atUs: number
  readonly message: Trade | Quote
}

/** What a line does to the feed; each a share of its messages. */
export interface LineFaults {
  readonly lost: number
  readonly repeated: number
  /** Held up, and all those behind as well: a line does not overtake itself. */
  readonly stalled: number
}

const usual: LineFaults = { lost: 0.01, repeated: 0.005, stalled: 0.0005 }

/** The exchange publishes a message every 10 µs. */
const paceUs = 10

/** The feed as it comes in over one line, with the losses, repeats and delays that the seed gives. */
export function overLine(
  feed: readonly (Trade | Quote)[],
  line: Line,
  seed: number,
  faults: LineFaults = usual,
): Arrival[] {
  const next = random(seed)
  const arrivals: Arrival[] = []
  let lastUs = 0
  feed.forEach((message, i) => {
    const latencyUs = 50 + 40 * next() + (next() < faults.stalled ? 2000 + 3000 * next() : 0)
    lastUs = Math.max(lastUs, i * paceUs + latencyUs)
    if (next() < faults.lost) return
    arrivals.push({ line, atUs: lastUs, message })
    if (next() < faults.repeated) {
      arrivals.push({ line, atUs: lastUs + 100 + 400 * next(), message })
    }
  })
  return arrivals
}

/** All copies in the order in which they come in. */
export function mergeLines(...lines: readonly (readonly Arrival[])[]): Arrival[] {
  return lines.flat().toSorted((a, b) => a.atUs - b.atUs)
}
