import type { NativeStages } from '../../native/addon.js'

/**
 * What a stream's threads have spent on messages since it was opened, in nanoseconds, all shards
 * together. A thread is in one stage or in none, so that the difference to the time that has passed is
 * what lies between: at the sender encoding and waiting for room, at a worker waiting for messages and
 * the turns of its loop. With several workers there is as much time as threads.
 *
 * The core counts by batches, at some ten nanoseconds for each change of stage, and always does. A
 * stage that is under way counts when it ends.
 */
export interface StageTimes {
  readonly sender: {
    /** Those that the rings have taken; of a source, too. */
    readonly messages: number
    /** Putting encoded messages into the rings, and waking the workers. */
    readonly append: number
  }
  readonly worker: {
    /** Those that were committed, whatever their outcome. */
    readonly messages: number
    /** Finding frames in the ring; a poll that finds it empty is not counted. */
    readonly poll: number
    /** The dedup index: ids looked up and reserved, made seen, and forgotten. */
    readonly index: number
    /**
     * From the end of a poll to the commit: decoding, operators, sink, and whatever else the thread
     * does while messages are in flight. Where handlers are asynchronous, waiting for them as well.
     */
    readonly handle: number
    /** Outcomes, parked messages, dead letters and answers; without index and log. */
    readonly commit: number
    /** The ack log: one block for a commit. */
    readonly log: number
  }
}

export function stageTimes(native: NativeStages): StageTimes {
  const { sent, append, committed, poll, index, handle, commit, log } = native
  return {
    sender: { messages: sent, append },
    worker: { messages: committed, poll, index, handle, commit, log },
  }
}

/** Several streams together. */
export function sumStages(all: readonly StageTimes[]): StageTimes {
  return {
    sender: sumOf(all.map(({ sender }) => sender)),
    worker: sumOf(all.map(({ worker }) => worker)),
  }
}

function sumOf<T extends Readonly<Record<keyof T, number>>>(all: readonly T[]): T {
  const total = { ...(all[0] as T) } as Record<keyof T, number>
  for (const one of all.slice(1)) {
    for (const name of Object.keys(one) as (keyof T)[]) total[name] += one[name]
  }
  return total as T
}
