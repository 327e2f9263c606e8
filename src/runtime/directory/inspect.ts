import { deliveries, type Delivery } from '../../core/delivery.js'
import { addon } from '../../native/addon.js'

/** What a stream's directory holds; the counters are totals since it was made. */
export interface DirectoryReport {
  readonly name: string
  readonly delivery: Delivery
  /** What its messages are; undefined where only versions before 0.2 have opened it. */
  readonly accepts: DirectoryAccepts | undefined
  /** The pid of the process that has it open; 0: none. */
  readonly holder: number
  readonly shards: readonly ShardReport[]
}

/** As the pipeline's `accepts` had it. */
export type DirectoryAccepts =
  | { readonly kind: 'object' }
  /** `size` in bytes. */
  | { readonly kind: 'frames'; readonly size: number }

export interface ShardReport {
  readonly stored: number
  readonly processed: number
  readonly filtered: number
  readonly duplicate: number
  readonly late: number
  readonly deadLettered: number
  readonly dropped: number
  readonly parked: number
  /** Every sequence up to here is done, but for the parked ones. */
  readonly through: number
  readonly epoch: number
  /** Ids in the ack log: those of the window, and perhaps some older ones. */
  readonly ids: number
  /** Of the shard's files. */
  readonly bytes: number
  /** Whether it was closed in order. */
  readonly clean: boolean
  /** Dead letters that have been neither retried nor dropped. */
  readonly deadLettersOpen: number
  /** Where a rewindable sink's committed outputs end, of a file its length; undefined without one. */
  readonly sinkPlace: number | undefined
  /** The newest commit that a transactional sink is known to have; undefined without one. */
  readonly sinkCommit: { readonly epoch: number; readonly n: number } | undefined
  /** Blocks that count only if that sink has them: the next opening asks it. */
  readonly undecided: number
}

/**
 * Reads a stream's directory and changes nothing in it.
 * @throws SemelError `SEMEL_FORMAT` where it holds no stream, `SEMEL_DAMAGED` where it is damaged
 * @example for (const { stored, parked } of inspectDirectory('./data').shards) console.log(stored, parked)
 */
export function inspectDirectory(dir: string): DirectoryReport {
  const { delivery, shards, payloads, frameBytes, ...report } = addon().inspect(dir)
  return {
    ...report,
    delivery: deliveries[delivery] as Delivery,
    accepts: acceptsOf(payloads, frameBytes),
    shards: shards.map(({ commitEpoch: epoch, commitN: n, ...shard }) => ({
      ...shard,
      sinkPlace: shard.sinkPlace < 0 ? undefined : shard.sinkPlace,
      sinkCommit: n === 0 ? undefined : { epoch, n },
    })),
  }
}

function acceptsOf(payloads: 0 | 1 | 2, frameBytes: number): DirectoryAccepts | undefined {
  if (payloads === 0) return undefined
  return payloads === 1 ? { kind: 'object' } : { kind: 'frames', size: frameBytes }
}
