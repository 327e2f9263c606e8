import { carried } from './kinds-carried.js'
import { refused } from './kinds-refused.js'

/**
 * What becomes of a value at the door: it arrives as it is, it is refused, or (undecided) either.
 * docs/reference/values.md says the same.
 */
export type Fate = 'carried' | 'refused' | 'either'

/** A row of the table: one kind of value. */
export interface Kind {
  readonly fate: Fate
  readonly codes: readonly string[]
  /** Code of what arrives, where that is not the same: for each of the codes, or any one of these. */
  readonly arrives?: readonly string[]
  /** How often it is drawn beside the others; 1 unless given. */
  readonly weight?: number
}

/** Every kind of JavaScript value. A change of what the door does with one is a change of its row. */
export const kinds: Readonly<Record<string, Kind>> = { ...carried, ...refused }

/** A kind that is not in the table: a value of the fuzzer's own. */
const plain: Kind = { fate: 'carried', codes: [] }

export function kindOf(name: string): Kind {
  return kinds[name] ?? plain
}
