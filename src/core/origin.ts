import type { Offset } from './offset.js'

/** Where an output comes from: the same whenever its message is processed again. */
export interface Origin {
  readonly pipeline: string
  /**
   * The history that the message belongs to: a stream's directory has one, made with it, and a stream
   * without a directory has a new one each time.
   */
  readonly lineage: string
  readonly shard: number
  /** Of its message; where several have a part in it, of the last one. */
  readonly sequence: number
  /** Which of the message's outputs, from 0; −1: a dead letter or a late message, of which there is one. */
  readonly index: number
  /**
   * Where the stream keeps no messages (`journal: false`): by these it is the same again, and not by
   * its sequence.
   */
  readonly partition?: string
  readonly offset?: Offset
}

/**
 * A text of printable ASCII that no other output has, and the same output always: for a system that does
 * nothing twice under one key.
 * @example
 * ```ts
 * forEach((order, { origin }) => psp.charge(order, { idempotencyKey: idempotencyKey(origin) }), { idempotent: true })
 * ```
 */
export function idempotencyKey(origin: Origin): string {
  const { pipeline, lineage, shard, sequence, index, partition, offset } = origin
  const which = index < 0 ? 'aside' : String(index)
  if (partition !== undefined) {
    return `${pipeline}:${encodeURIComponent(partition)}:${String(offset)}:${which}`
  }
  return `${pipeline}:${lineage}:${shard}:${sequence}:${which}`
}
