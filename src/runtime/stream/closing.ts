import { SemelError } from '../../core/errors.js'
import { nowMs, sleep } from '../../core/waiting/timers.js'
import { addon } from '../../native/addon.js'
import type { Runner } from '../workers/runner.js'
import type { Sender } from '../door/sender.js'

export interface ClosingParts {
  readonly handle: number
  readonly shards: number
  readonly sender: Sender
  readonly runner: Runner | undefined
  readonly hasFailed: () => boolean
  /** Whether a shard's outputs wait, and nobody is there to take them. */
  readonly isUnread: (shard: number) => boolean
}

const pollMs = 1
/** A sync that takes longer than that beyond the close hangs. */
const syncMsMax = 5000

/** What is in flight comes to its end, as far as the time allows. */
export async function endInFlight(parts: ClosingParts, deadlineMs: number): Promise<void> {
  const { sender, runner, hasFailed } = parts
  const isOver = (): boolean => hasFailed() || nowMs() >= deadlineMs
  sender.close()
  sender.closeBatch()
  sender.advance()
  // What waits for room behind outputs that nobody takes would never have any.
  while (!sender.isTaken && !isOver() && !isLeftUnread(parts)) {
    runner?.notify()
    await sleep(pollMs)
    sender.advance()
  }
  runner?.flush()
  while (!isOver() && !hasEnded(parts)) {
    await sleep(pollMs)
    runner?.flush()
  }
}

/** Whether there are outputs that nobody takes: no time would bring them to their end. */
export function isLeftUnread({ shards, isUnread }: ClosingParts): boolean {
  return Array.from({ length: shards }, (_, shard) => shard).some(isUnread)
}

/** Whether nothing is in flight but what nobody takes, and all who wait have been told as far as they can be. */
function hasEnded({ handle, shards, sender, isUnread }: ClosingParts): boolean {
  let isLeft = false
  for (let shard = 0; shard < shards; shard++) {
    const { stored, through } = addon().status(handle, shard)
    if (through === stored) continue
    if (!isUnread(shard)) return false
    isLeft = true
  }
  if (isLeft) return true
  sender.tellKnown()
  if (sender.hasToldAll) return true
  // At `{ interval }` the next sync is not waited for.
  for (let shard = 0; shard < shards; shard++) addon().acksDurable(handle, shard)
  return false
}

/**
 * Whether what is committed is synced, and the core can be closed: that waits for a sync that is under
 * way, and the whole thread with it.
 */
export async function isSynced(
  { handle, shards, hasFailed }: ClosingParts,
  deadlineMs: number,
): Promise<boolean> {
  const endMs = Math.max(deadlineMs, nowMs() + syncMsMax)
  for (;;) {
    if (hasFailed()) return true
    try {
      let synced = true
      for (let shard = 0; shard < shards; shard++)
        synced = addon().acksDurable(handle, shard) && synced
      if (synced) return true
    } catch {
      return true // it has failed, and syncs nothing any more
    }
    if (nowMs() >= endMs) return false
    await sleep(pollMs)
  }
}

/** Why a close has not ended everything. */
export function notEnded(timeout: number, left: readonly string[]): SemelError {
  return new SemelError(
    'SEMEL_TIMEOUT',
    `close: ${timeout} ms were over, and so is the stream, but for what can't be ended: ${left.join('; ')}`,
  )
}
