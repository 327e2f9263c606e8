/**
 * A place in a partition of a source: a whole number from 0 to 2^128 − 1. Below 2^53 its form is a
 * number, and from there on a bigint, so that equal offsets are `===`; `<` and `>` mix both.
 */
export type Offset = number | bigint

const offsetMax = 2n ** 128n - 1n

/** In its one form; undefined where it is no offset. */
export function asOffset(value: unknown): Offset | undefined {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || value < 0) return undefined
    return value === 0 ? 0 : value
  }
  if (typeof value !== 'bigint' || value < 0n || value > offsetMax) return undefined
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/** The next offset below one above 0. */
export function offsetBefore(offset: Offset): Offset {
  return asOffset(BigInt(offset) - 1n) ?? 0
}
