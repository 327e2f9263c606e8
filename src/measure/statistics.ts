import type { Latencies, Spread, Verdict } from './result.js'

/** So many runs, at least, before anything is concluded. */
export const runsMin = 3

/** Runs that lie wider apart than this share of their median tell nothing about a difference. */
export const noisyWidth = 0.5

/** @throws RangeError where there is none */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('a spread is of one value at least')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [
    sorted[Math.ceil(middle) - 1] as number,
    sorted[Math.floor(middle)] as number,
  ]
  return { median: (low + high) / 2, min: sorted[0] as number, max: sorted.at(-1) as number }
}

/** How far runs lie apart, as a share of their median. */
export function width({ median, min, max }: Spread): number {
  return median === 0 ? 0 : (max - min) / median
}

/**
 * The ratios of two cases, run by run: what the machine does to both of a pair drops out.
 * @returns undefined where there is no pair
 */
export function pairedShare(
  values: readonly number[],
  base: readonly number[],
): Spread | undefined {
  const pairs = Math.min(values.length, base.length)
  if (pairs === 0) return undefined
  return spread(values.slice(0, pairs).map((value, i) => value / (base[i] as number)))
}

/**
 * What ratios allow to be said. Only where all pairs agree in their direction is there a difference;
 * the chance that three or more agree without one is 1 in 4 at most, so it is a hint and no proof.
 */
export function conclude(share: Spread, pairs: number): Verdict {
  if (pairs < runsMin) return 'too few runs'
  if (width(share) > noisyWidth) return 'too noisy'
  if (share.max < 1) return 'slower'
  if (share.min > 1) return 'faster'
  return 'no difference'
}

/** Of several runs: each percentile is the median of theirs, but the greatest is that of all. */
export function mergedLatencies(runs: readonly Latencies[]): Latencies {
  const of = (name: keyof Latencies): Spread => spread(runs.map((run) => run[name]))
  return {
    p50: of('p50').median,
    p90: of('p90').median,
    p99: of('p99').median,
    p999: of('p999').median,
    max: of('max').max,
  }
}
