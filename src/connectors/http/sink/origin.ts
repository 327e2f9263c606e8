import type { Position } from '../../../core/sink.js'
import type { Origin } from '../../../core/transactional.js'

/** What a position may tell of its outputs. */
interface Originated {
  /** Where an output comes from, by its index among those that are written. */
  originOf?(index: number): Origin & { readonly lineage?: string }
}

/**
 * A key of an output: the same whenever its message is processed again, and no other output's.
 * @returns undefined where the position does not tell that. Without the lineage, another directory's
 * outputs would have the same keys, and a server would take them for copies
 */
export function originKey(position: Position & Originated, index: number): string | undefined {
  const origin = position.originOf?.(index)
  if (origin?.lineage === undefined) return undefined
  const { lineage, shard, sequence, index: part } = origin
  return `${lineage}/${shard}/${sequence}/${part}`
}
