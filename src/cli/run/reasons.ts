import { oneLine } from '../failures.js'
import { countText } from '../text.js'

/** Why some messages of a run became dead letters. */
export interface Reason {
  /** As the first of them was told. */
  readonly reason: string
  readonly count: number
  /** Of the first. */
  readonly shard: number
  readonly sequence: number
}

/** What is kept; a reason that comes behind a hundred others tells little. */
const reasonsMax = 100
const reasonsShown = 5

/**
 * Dead letters counted by their reason. Reasons that differ in numbers or in what is quoted alone are
 * one: every row has its own line.
 */
export class Reasons {
  readonly #counts = new Map<string, { -readonly [K in keyof Reason]: Reason[K] }>()
  #count = 0

  /** How many were added. */
  get count(): number {
    return this.#count
  }

  add(shard: number, sequence: number, error: string): void {
    this.#count += 1
    const reason = oneLine(error)
    const kind = reason
      .replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""')
      .replaceAll(/\d+/g, '0')
    const known = this.#counts.get(kind)
    if (known !== undefined) known.count += 1
    else if (this.#counts.size < reasonsMax) {
      this.#counts.set(kind, { reason, count: 1, shard, sequence })
    }
  }

  /** The most frequent first. */
  list(): readonly Reason[] {
    return [...this.#counts.values()].toSorted((a, b) => b.count - a.count)
  }
}

/** The most frequent reasons, a line each: `  20 × no 3 (first: shard 0, sequence 3)`. */
export function reasonLines(reasons: readonly Reason[]): string[] {
  const width = Math.max(0, ...reasons.map(({ count }) => countText(count).length))
  return reasons
    .slice(0, reasonsShown)
    .map(
      ({ reason, count, shard, sequence }) =>
        `  ${countText(count).padStart(width)} × ${reason} (first: shard ${shard}, sequence ${sequence})`,
    )
}
