import type { Position } from '../../../core/sink.js'

/** What a position may tell of where its outputs come from. */
interface Originated {
  /** By an output's index among those that are written. */
  originOf?(index: number): {
    readonly lineage?: string
    readonly shard: number
    readonly sequence: number
    /** Which of its message's outputs. */
    readonly index: number
    /** Where the stream keeps no messages: a sequence is another message's then, behind a restart. */
    readonly partition?: string
  }
}

/**
 * A key of an output: the same whenever its message is processed again, and no other output's.
 * @returns undefined where the position does not tell that. Without the lineage, another directory's
 * outputs would have the same keys, and a server would take them for copies
 */
export function originKey(position: Position & Originated, index: number): string | undefined {
  const origin = position.originOf?.(index)
  if (origin?.lineage === undefined || origin.partition !== undefined) return undefined
  const { lineage, shard, sequence, index: part } = origin
  return `${lineage}/${shard}/${sequence}/${part}`
}
