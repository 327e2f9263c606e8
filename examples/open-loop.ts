import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds by a clock that all threads of the process share, as `performance.now()` is not. */
export function nowMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

export interface Load {
  readonly perSecond: number
  readonly seconds: number
  /**
   * How the next time is waited for. A `timer` of Node's is late by up to a millisecond or two; where
   * that counts, each `turn` of the event loop looks at the clock, and has a core for it.
   */
  readonly waiting: 'timer' | 'turn'
}

/** What was sent, once all answers are there. */
export interface Sent {
  readonly count: number
  readonly seconds: number
  /** How late the sender itself was at most: that much of the latencies is its own. */
  readonly latestMs: number
}

/** Sends in a row before answers are let in, where the sender is behind. */
const inRowMax = 64

/**
 * Calls `send` at a fixed rate, whether or not answers come: a slow stream does not slow its load down.
 * Latencies are counted from `intendedMs`, the time at which a message was due, so that those which had
 * to wait for their turn show as late as they are.
 */
export async function openLoop(
  { perSecond, seconds, waiting }: Load,
  send: (number: number, intendedMs: number) => Promise<void> | void,
): Promise<Sent> {
  const count = Math.round(perSecond * seconds)
  const answers: Promise<void>[] = []
  const startMs = nowMs()
  let latestMs = 0
  let inRow = 0
  for (let number = 0; number < count;) {
    const intendedMs = startMs + (number * 1000) / perSecond
    const lateMs = nowMs() - intendedMs
    if (lateMs < 0 || inRow === inRowMax) {
      inRow = 0
      await (waiting === 'turn' || lateMs >= 0 ? nextTurn() : sleep(-lateMs))
      continue
    }
    latestMs = Math.max(latestMs, lateMs)
    const answer = send(number, intendedMs)
    if (answer !== undefined) answers.push(answer)
    number += 1
    inRow += 1
  }
  const sentMs = nowMs() - startMs
  await Promise.all(answers)
  return { count, seconds: Math.max(sentMs / 1000, seconds), latestMs }
}
