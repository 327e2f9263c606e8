/**
 * A `fdatasync` of a few KiB on a fast drive, at the median: 75 to 107 µs on the machine that semel is
 * developed on. A disk without a cache of its own that survives takes 5 to 10 ms.
 */
export const syncMs = 0.1

/** An answer at `disk` waits for the group that is under way, and for its own. */
export const diskAnswerMs = 2 * syncMs

/** A sync meets others of its kind: its 99th percentile is some milliseconds on a busy machine. */
export const diskTailMs = 5

/** To wake a worker that sleeps, with some room: 8 to 21 µs there and back were measured. */
export const wakeMs = 0.1

/** From one thread to another and back, both spinning. */
export const handoverMs = 0.005

/** Into which the outcome fits, with two groups and a handler of some milliseconds. */
export const outcomeMs = 20

/** From here on a promise for each message is a good part of what a message costs. */
export const batchedRate = 10_000

const batchMs = 10

/** How long a batch may wait: not longer than a quarter of the bound. */
export function batchWithinMs(latencyMs: number | null): number {
  return latencyMs === null ? batchMs : Math.min(batchMs, Math.max(1, Math.floor(latencyMs / 4)))
}
