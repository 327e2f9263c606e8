import { readFileSync } from 'node:fs'
import { fileSinkPath } from 'semel'

/** All that a `file` sink has written, shard by shard. Read it once the stream is closed. */
export function readLines<T>(path: string, shards: number): T[] {
  return Array.from({ length: shards }, (_, shard) =>
    readFileSync(fileSinkPath(path, shard, shards), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as T),
  ).flat()
}

/** How many of the numbers 0 up to `count` are not there, and how many are there again. */
export function missingAndRepeated(
  numbers: readonly number[],
  count: number,
): { missing: number; repeated: number } {
  const distinct = new Set(numbers)
  return { missing: count - distinct.size, repeated: numbers.length - distinct.size }
}
