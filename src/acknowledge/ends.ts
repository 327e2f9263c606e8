import type { Durability } from '../core/delivery.js'
import type { SemelError } from '../core/errors.js'
import type { Outcome } from '../core/message.js'

/** Where a message is, once it is stored. */
export interface Stored {
  readonly shard: number
  /** The message's number in its shard. */
  readonly sequence: number
  /** What it survives from now on. */
  readonly durability: Durability
}

/** How a message ended. */
export interface End extends Stored {
  readonly outcome: Outcome
  /** Why, where it is `dead-lettered` or `dropped`, or where results could not be told. */
  readonly error?: SemelError
  /** How often a dead letter was tried. */
  readonly attempts?: number
}

/** What a sender gets once its message is stored. */
export interface Receipt extends Stored {
  /**
   * Resolves when the message's end is committed. Nothing is kept for who does not ask.
   * Rejects where the stream is closed or fails before: the message stays stored, and how it ends
   * can't be told any more.
   */
  readonly outcome: Promise<End>
}

/** What a sender gets once its message is processed. */
export type Completion<Out> = End &
  (
    | {
        readonly outcome: 'processed'
        /** What the operators made of it: the value that went to the sink, the first of several. */
        readonly result: Out
        /** All of them, in their order; of a batch, those that it has a part in. */
        readonly results: readonly Out[]
      }
    | { readonly outcome: Exclude<Outcome, 'processed'> }
  )

/** What a sender gets once the batch of its message is committed. */
export type BatchedEnd = End | (Stored & { readonly outcome: 'parked' })

/** What becomes known of a message besides its outcome. */
export interface Told {
  readonly results?: readonly unknown[]
  readonly error?: SemelError
  readonly attempts?: number
}

/** An end as all but `processed` tell it: of a message that was parked, results come unasked. */
export function endOf(stored: Stored, outcome: Outcome, { error, attempts }: Told): End {
  // Made at once: this is on every message's way that somebody waits for.
  const { shard, sequence, durability } = stored
  if (error === undefined) return { shard, sequence, durability, outcome }
  if (attempts === undefined) return { shard, sequence, durability, outcome, error }
  return { shard, sequence, durability, outcome, error, attempts }
}
