import { InvalidArgumentError } from '../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'

/** So many in a time: `'100/s'`, `'5/m'`, `'1000/h'`; also of `ms` and `d`. */
export type Rate = `${number}/${'ms' | 's' | 'm' | 'h' | 'd'}`

export interface LimitOptions {
  /** Each key has the rate for itself; without it the whole stream has it. */
  by?: 'key'
  /**
   * How many may go at once after a rest; then they are evenly spaced. 1…1,000,000.
   * @default 1
   */
  burst?: number
}

/** A token bucket, as data: what it holds is a time (GCRA), so it needs no refilling. */
export interface Limit {
  readonly by: 'stream' | 'key'
  /** Between two, once the burst is used up. */
  readonly intervalNs: number
  readonly burst: number
}

const unitsNs: Readonly<Record<string, number>> = {
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
}
/** A million in a second: clocks and timers tell no finer ones apart. */
const intervalNsMin = 1000

/** @throws InvalidArgumentError for what is no rate, or an option out of its bounds */
export function limitOf(rate: unknown, options: unknown): Limit {
  const given = checkOptions<LimitOptions>(options, 'limit', ['by', 'burst'])
  const parts = typeof rate === 'string' ? /^(\d+)\/(ms|s|m|h|d)$/.exec(rate) : null
  const unitNs = parts?.[2] === undefined ? undefined : unitsNs[parts[2]]
  const count = Number(parts?.[1])
  if (unitNs === undefined || !(count >= 1)) {
    throw new InvalidArgumentError(
      `limit: ${shown(rate)} is not a rate; give a text such as '100/s', '5/m' or '1000/h'`,
    )
  }
  const intervalNs = unitNs / count
  if (intervalNs < intervalNsMin) {
    throw new InvalidArgumentError(
      `limit: ${shown(rate)} is out of bounds; give at most a million in a second`,
    )
  }
  if (given.by !== undefined && given.by !== 'key') {
    throw new InvalidArgumentError(
      `limit.by: ${shown(given.by)} is unknown; give 'key', or leave it out`,
    )
  }
  return Object.freeze({
    by: given.by ?? 'stream',
    intervalNs,
    burst: wholeNumber(given.burst ?? 1, 'limit.burst', 1, 1_000_000),
  })
}
