import { idempotencyKey } from '../../../core/origin.js'
import type { Position } from '../../../core/sink.js'

/**
 * A key of an output: the same whenever its message is processed again, and no other output's.
 * @returns undefined where the stream keeps no messages: a key that is made of partition and offset is
 * another one once the message has failed
 */
export function originKey(position: Position, index: number): string | undefined {
  const origin = position.originOf(index)
  return origin.partition === undefined ? idempotencyKey(origin) : undefined
}
