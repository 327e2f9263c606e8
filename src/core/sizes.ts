import { InvalidArgumentError } from './errors.js'
import { shown } from './options.js'

/** Bytes, or a number with a unit: `'64KiB'`, `'16MiB'`, `'1GiB'`. */
export type Size = number | string

const unitsBytes: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/**
 * A size in bytes.
 * @param option what the value was given for; named in the error
 * @throws InvalidArgumentError for anything but a whole number of bytes ≥ 0
 */
export function sizeBytes(value: Size, option: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  const parts = typeof value === 'string' ? /^(\d+)\s*(B|KiB|MiB|GiB)$/.exec(value.trim()) : null
  const unit = parts?.[2] === undefined ? undefined : unitsBytes[parts[2]]
  if (parts === null || unit === undefined) {
    throw new InvalidArgumentError(
      `${option}: ${shown(value)} is not a size; give bytes or a text such as '64KiB', '16MiB' or '1GiB'`,
    )
  }
  return Number(parts[1]) * unit
}
