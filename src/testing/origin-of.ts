import type { Origin } from '../core/origin.js'
import type { Position } from '../core/sink.js'

/** Where the suites' outputs come from: each is a message of its own. */
export function originOf(sequence: number, index = 0, shard = 0): Origin {
  return { pipeline: 'suite', lineage: '5e', shard, sequence, index }
}

/** Of a batch whose outputs are one message's. */
export function positionAt(through: number): Position {
  return { epoch: 1, through, originOf: (index) => originOf(through, index) }
}
