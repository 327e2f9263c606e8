import type { Offset } from 'semel'

/** Where the offsets of every other partition begin: above what 64 bits hold. */
const farFrom = 2n ** 64n + 7n
/** The step between two rows there. */
const farStep = 2n ** 33n + 1n

/** The offset behind so many rows of a partition, by its number. */
export function offsetBehind(rows: number, partition: number): Offset {
  if (rows === 0 || partition % 2 === 0) return rows
  return farFrom + BigInt(rows) * farStep
}

/** How many rows lie before an offset; undefined where it is none of the partition's. */
export function rowsBefore(offset: Offset, partition: number): number | undefined {
  const far = BigInt(offset) - farFrom
  const rows = Number(partition % 2 === 0 || offset === 0 ? offset : far / farStep)
  return offsetBehind(rows, partition) === offset ? rows : undefined
}

/** JSON has no form for a bigint. */
export function textOf(offset: Offset): string {
  return String(offset)
}

export function offsetOf(text: string): Offset {
  const offset = BigInt(text)
  return offset <= Number.MAX_SAFE_INTEGER ? Number(offset) : offset
}
