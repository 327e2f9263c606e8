import type { Batch } from '../../acknowledge/batched.js'
import type { Acknowledge } from '../../core/acknowledge.js'
import type { Delivery, Durability } from '../../core/delivery.js'
import type { Duration } from '../../core/durations.js'
import type { Size } from '../../core/sizes.js'

/**
 * What a worker does while there is nothing to do.
 * - `spin`: looks all the time: lowest latency, a core for each worker
 * - `balanced`: looks for 50 µs, then sleeps until it is woken
 * - `park`: sleeps at once
 */
export type Waiting = 'spin' | 'balanced' | 'park'

export interface BatchedOptions<In = unknown> {
  batched: number
  within?: Duration
  /** Called when all messages of a batch are committed. */
  onBatch?(batch: Batch<In>): void
}

/** @typeParam In what the pipeline takes */
export interface OpenOptions<In = unknown> {
  /**
   * The stream's directory; needed for every durability but `memory`. Made if missing.
   * @example dir: './data'
   */
  dir?: string
  /**
   * Partitions of the key space, 1…256; fixed once a directory has been made.
   * @default 1
   * @example shards: 4
   */
  shards?: number
  /**
   * Worker threads, at most one for each shard; 0 runs the shards on the caller's thread.
   * @default 1
   * @example workers: 2
   */
  workers?: number
  /** Gives the opening up, with the signal's reason; of no effect once it is over. */
  signal?: AbortSignal
  /**
   * How long the opening may take: a sink that never connects, or a module that never loads, would
   * hold it up for ever. In milliseconds: 0…2,147,483,647.
   * @default none
   */
  timeout?: number
  /**
   * @default 'memory' for at-most-once, 'disk' otherwise
   * @example durability: { interval: 100 }
   */
  durability?: Durability
  /**
   * Whether messages are kept on disk until they are done. With `false` they are in memory alone, and
   * after a crash their sources give again what was not done: all of them are replayable, and nothing
   * can be sent or pushed. At most once there never is a journal. A directory changes it where nothing
   * in its journal is left undone.
   * @default true
   * @example journal: false
   */
  journal?: boolean
  /** The pipeline's delivery, overridden, to compare them. */
  delivery?: Delivery
  /**
   * When a sender hears back: `processed`, `stored` or `batched`; one call may ask for more than the
   * stream. A batch is acknowledged when it has `batched` messages (1…65,536), or `within` after its
   * first ('1ms'…'1h'); `onBatch` is told of each, also of the messages that were pushed.
   * @default 'stored'; 'batched' alone is { batched: 1000, within: '10ms' }
   * @example acknowledge: { batched: 500, within: '20ms', onBatch: ({ statuses }) => tell(statuses) }
   */
  acknowledge?: Acknowledge | BatchedOptions<In>
  /**
   * Messages whose senders may wait for a receipt or an outcome at a time, 1…1,048,576; `send` waits
   * where there are more.
   * @default 65_536
   * @example awaitedMax: 1000
   */
  awaitedMax?: number
  /** @default 'balanced' */
  waiting?: Waiting
  /**
   * Each shard's ring: a power of two from 64 KiB to 1 GiB; a message takes an eighth of it at most.
   * @default '16MiB'
   * @example ring: '64MiB'
   */
  ring?: Size
  /**
   * Each shard's ack-log segments, a multiple of 4 KiB from the ring's size (or 1 MiB) to 1 GiB.
   * @default '16MiB', or the ring's size where that is more
   * @example segment: '64MiB'
   */
  segment?: Size
  /**
   * Messages that may be parked in a shard, 1…1,000,000. What is in flight counts, since all of it may
   * fail: where few places are left, few messages are taken at a time, and none where there is none.
   * @default 10_000
   * @example parkedMax: 100_000
   */
  parkedMax?: number
  /**
   * Messages of a shard between poll and commit: a power of two, 16…65536.
   * @default 4096
   * @example inFlightMax: 512
   */
  inFlightMax?: number
  /**
   * Microseconds between two groups at durability `disk` under load: less lets go of the sender
   * sooner, more leaves the cores to the messages. 0…1,000,000.
   * @default 500
   */
  groupPauseUs?: number
  /**
   * A worker that shows no sign of life for so long is terminated and replaced, within twice that
   * time: a handler's endless loop, or a call that blocks. It bounds one synchronous call of a handler;
   * what handlers await does not count. '100ms'…'24h', or 0: no worker is ever terminated.
   * @default '30s': longer than a synchronous call or a pause for garbage should ever take
   * @example heartbeat: '5s'
   */
  heartbeat?: Duration
  /**
   * What a worker's JavaScript heap may take, '32MiB'…'1024GiB': a handler that takes more ends its
   * worker, which is replaced. Memory outside of the heap, such as that of a Buffer, is not counted.
   * @default V8's own bound, which depends on the machine's memory
   * @example workerMemory: '512MiB'
   */
  workerMemory?: Size
  /**
   * Where messages choose their delivery: what differs for a class. All else holds for each class by
   * itself, but for `durability`, which at-most-once has none of.
   * @example classes: { 'at-most-once': { shards: 1, workers: 0 } }
   */
  classes?: { readonly [D in Delivery]?: ClassOpenOptions }
}

/** What may differ from class to class. */
export type ClassOpenOptions = Omit<OpenOptions, 'dir' | 'delivery' | 'acknowledge' | 'classes'>

/** What a definition that is built with a configuration must be given. */
export type Configured<C> = undefined extends C ? { config?: C } : { config: C }

/** Options with that; they may be left out where it may. */
export type ConfiguredOptions<O, C> = undefined extends C
  ? [options?: O & Configured<NoInfer<C>>]
  : [options: O & Configured<NoInfer<C>>]
