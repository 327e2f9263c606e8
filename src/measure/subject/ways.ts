import type { Acknowledge } from '../../core/acknowledge.js'
import type { Batch } from '../../acknowledge/batched.js'
import type { OpenOptions } from '../../runtime/settings/open-options.js'
import type { Stream } from '../../runtime/stream/stream.js'
import type { Feed, FrameBlocks } from './feed.js'

/** How messages go in: pushed, with nobody told of single ones, or with an acknowledgment each. */
export type Way = 'pushed' | Acknowledge

export const ways: readonly Way[] = ['pushed', 'stored', 'processed', 'batched']

/** Receipts or outcomes that are waited for at a time. */
export const inFlightMax = 10_000

export const batchOf = { batched: 1000, within: '10ms' } as const

export const waySettings: Readonly<Record<Way, string>> = {
  pushed: 'push, and drain at the end',
  stored: `send, ${inFlightMax} receipts awaited at a time`,
  processed: `send, ${inFlightMax} outcomes awaited at a time`,
  batched: `push, batches of ${batchOf.batched} or ${batchOf.within} told to onBatch`,
}

export function acknowledgeOf(way: Way): Acknowledge | undefined {
  return way === 'pushed' ? undefined : way
}

/** What `open` is told for it. */
export function wayOptions(way: Way, onBatch: (batch: Batch<unknown>) => void): OpenOptions {
  if (way === 'pushed') return {}
  return { acknowledge: way === 'batched' ? { ...batchOf, onBatch } : way }
}

/** Messages between two looks at the clock. */
const perLook = 64

/** When enough has been sent. */
export interface Until {
  readonly timeMs: number
  /**
   * A bound on messages: a ring holds what a slow handler would have minutes to do with after the time
   * is over.
   */
  readonly messages: number
}

/**
 * Pushes until it is enough; how many were taken. Frames go together, unless batches are acknowledged:
 * those that are pushed together have no place in one.
 */
export async function pushUntil(stream: Stream<never>, feed: Feed, until: Until): Promise<number> {
  if (feed.frames !== undefined && stream.acknowledge !== 'batched')
    return pushBlocksUntil(stream, feed.frames, until)
  let sent = 0
  for (;;) {
    if (isEnough(sent, until)) return sent
    const message = feed.next() as never
    while (!stream.push(message)) await stream.ready()
    sent += 1
  }
}

async function pushBlocksUntil(
  stream: Stream<never>,
  { size, next }: FrameBlocks,
  until: Until,
): Promise<number> {
  let sent = 0
  while (sent < until.messages && performance.now() < until.timeMs) {
    const block = next()
    let taken = stream.pushFrames(block)
    while (taken * size < block.length) {
      await stream.ready()
      taken += stream.pushFrames(block.subarray(taken * size))
    }
    sent += taken
  }
  return sent
}

/** Sends until it is enough, with so many answers awaited at a time; resolves when all are there. */
export async function sendUntil(stream: Stream<never>, feed: Feed, until: Until): Promise<number> {
  const answers = new Answers()
  let sent = 0
  while (!isEnough(sent, until)) {
    if (answers.open === inFlightMax) await answers.atMost(inFlightMax / 2)
    answers.await(stream.send(feed.next() as never))
    sent += 1
  }
  await answers.atMost(0)
  return sent
}

/** Answers that are awaited. */
class Answers {
  open = 0
  #failure: unknown
  #enough = 0
  #wake: (() => void) | undefined

  readonly #answered = (): void => {
    this.open -= 1
    if (this.open <= this.#enough) this.#wake?.()
  }

  readonly #failed = (error: unknown): void => {
    this.#failure ??= error
    this.#answered()
  }

  await(answer: Promise<unknown>): void {
    this.open += 1
    answer.then(this.#answered, this.#failed)
  }

  /** Waits for the others; throws why one failed. */
  async atMost(open: number): Promise<void> {
    if (this.open > open) {
      this.#enough = open
      await new Promise<void>((resolve) => (this.#wake = resolve))
      this.#wake = undefined
    }
    if (this.#failure !== undefined) throw this.#failure
  }
}

function isEnough(sent: number, { timeMs, messages }: Until): boolean {
  return sent >= messages || (sent % perLook === 0 && performance.now() >= timeMs)
}
