import { readFileSync } from 'node:fs'
import { fileSinkPath } from 'semel'
import type { Tick } from './normalise.js'

/** Reads the output back: how many ticks it has, and how many stand behind a later one of their symbol. */
export function readTicks(path: string, shards: number): { count: number; outOfOrder: number } {
  let count = 0
  let outOfOrder = 0
  for (let shard = 0; shard < shards; shard++) {
    const last = new Map<string, number>()
    for (const line of readFileSync(fileSinkPath(path, shard, shards), 'utf8').split('\n')) {
      if (line === '') continue
      const { symbol, sequence } = JSON.parse(line) as Tick
      count++
      if (sequence <= (last.get(symbol) ?? 0)) outOfOrder++
      last.set(symbol, Math.max(sequence, last.get(symbol) ?? 0))
    }
  }
  return { count, outOfOrder }
}
