import type { NativeSeat } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import type { ShardAnswer, ShardEvent } from '../failures/shard-event.js'
import type { Limiter } from '../operators/limiter.js'
import type { Pulse } from './heartbeat.js'
import type { ShardSinks } from '../sinks/shard-sinks.js'

export interface ShardLoopParts {
  readonly handle: number
  readonly shard: number
  readonly firstShard: number
  readonly shardCount: number
  readonly graph: Graph
  readonly seat: NativeSeat
  readonly storedBefore: number
  /** Beats at every message: one call of a handler is all that may take long. */
  readonly pulse: Pulse
  readonly sinks: ShardSinks
  /** Of the directory, or of this opening where there is none. */
  readonly lineage: string
  readonly isJournaled: boolean
  /** Whether outputs are flushed before their ack. */
  readonly flushes: boolean
  readonly limiter: Limiter | undefined
  readonly tell: (event: ShardEvent) => void
  readonly answer: (answer: ShardAnswer) => void
  /** Whether somebody waits for outcomes; unset where handlers run on another thread than senders. */
  readonly outcomesAwaited: (() => boolean) | undefined
  /** Something asynchronous has ended: another step may have work. */
  readonly kick: () => void
}
