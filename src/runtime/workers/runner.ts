import type { GiveUps } from '../operators/given-up.js'
import type { ShardAnswer, ShardEvent } from '../failures/shard-event.js'
import type { SemelError } from '../../core/errors.js'

/** What a runner tells the stream. */
export type RunnerEvent =
  | ShardEvent
  | {
      readonly kind: 'worker-replaced'
      readonly worker: number
      readonly error: string
      readonly deaths: number
    }

export interface RunnerListener {
  event(event: RunnerEvent): void
  answer(answer: ShardAnswer): void
  /** The shards can't go on; the stream must be opened again. */
  failed(error: SemelError): void
}

/** Who runs a stream's shards: worker threads, or the caller's own thread. */
export interface Runner {
  /** Ready when every shard's sink stands at the committed place. */
  start(): Promise<void>
  /** New messages are in the rings. */
  notify(): void
  /** What shards have of these partitions takes no effect any more; each answers. */
  giveUp(list: GiveUps): void
  /** Half-filled batches are to go on: nobody will fill them. */
  flush(): void
  /**
   * Ends after what can be seen has been committed, and after the deadline whatever hangs.
   * @returns what could not be ended, in words
   */
  stop(deadlineMs: number): Promise<readonly string[]>
}
