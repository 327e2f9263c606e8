import type { RetryPolicy } from '../../reliability/retry.js'
import type { GiveUps } from '../operators/given-up.js'
import type { Directories } from '../loop/shard-open.js'
import type { OutputsDesk } from '../outputs/desk.js'
import type { Waiting } from '../settings/open-options.js'

/** To a worker's thread, over the port of its events: this is given up in all shards. */
export interface ToGiveUp {
  readonly kind: 'give-up'
  readonly list: GiveUps
}

/** What each worker of a stream is told, and none other than the others; all of it can be cloned. */
export interface SharedTask {
  readonly handle: number
  readonly shardCount: number
  /** By shard: the last sequence that it had when the stream was opened. */
  readonly storedBefore: readonly number[]
  readonly firstShard: number
  readonly shardsOfAll: number
  readonly module: string
  /** By which it is found there; undefined: it is the default export. */
  readonly pipeline: string | undefined
  readonly config: Uint8Array | undefined
  /** Of what the opener built. */
  readonly shape: string
  readonly delivery: string
  readonly durability: unknown
  readonly directories: Directories
  /** The directory's history, or this opening's where there is none. */
  readonly lineage: string
  readonly isJournaled: boolean
  readonly sinkNumbers: readonly number[]
  readonly limitMemory: SharedArrayBuffer
  readonly waiting: Waiting
  /** When it starts; newer lists follow. */
  readonly givenUp: GiveUps
}

/** What the workers of a stream have in common. */
export interface WorkerParts {
  readonly task: SharedTask
  readonly workers: number
  readonly retry: RetryPolicy
  /** Whether dead letters go to a sink as well. */
  readonly hasLetterSink: boolean
  readonly heartbeatMs: number
  readonly memoryBytes: number | undefined
  /** Where outputs are read. */
  readonly outputs: OutputsDesk | undefined
}
