import { InvalidArgumentError } from './errors.js'
import { shown } from './options.js'

/** Milliseconds, or a number with a unit: `'50ms'`, `'1.5s'`, `'10m'`, `'24h'`, `'7d'`. */
export type Duration = number | string

const unitsMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * A duration in milliseconds.
 * @param option what the value was given for; named in the error
 * @throws InvalidArgumentError for anything but a finite duration ≥ 0
 */
export function durationMs(value: Duration, option: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  const parts =
    typeof value === 'string' ? /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/.exec(value.trim()) : null
  const unit = parts?.[2] === undefined ? undefined : unitsMs[parts[2]]
  if (parts === null || unit === undefined) {
    throw new InvalidArgumentError(
      `${option}: ${shown(value)} is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    )
  }
  return Number(parts[1]) * unit
}

const texts = [
  ['d', 86_400_000, 2],
  ['h', 3_600_000, 1],
  ['min', 60_000, 1],
  ['s', 1000, 1],
  ['ms', 1, 1],
] as const

/** A duration for people, in the largest unit that it is a whole number of: `24 h`, `10 ms`, `7 d`. */
export function durationText(ms: number): string {
  for (const [unit, unitMs, least] of texts) {
    const count = ms / unitMs
    if (Number.isInteger(count) && count >= least) return `${count} ${unit}`
  }
  return ms < 1 ? `${Number((ms * 1000).toPrecision(3))} µs` : `${Number(ms.toPrecision(6))} ms`
}
