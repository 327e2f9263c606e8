/**
 * How many messages a second go through a pipeline: sent as fast as they are taken, until the last is
 * acknowledged.
 * @internal Run in a process of its own by jobs.ts.
 */
import { answer } from '../answer.js'
import { breakdownOf } from '../breakdown.js'
import type { Breakdown } from '../result.js'
import { noteOf, openLoad, type Load } from '../subject/load.js'
import { pushUntil, sendUntil } from '../subject/ways.js'

export interface ThroughputTask extends Load {
  readonly seconds: number
  readonly warmupSeconds: number
  /** Timed ones in this process. */
  readonly runs: number
  /** Pushed before anything is timed. */
  readonly before: number
}

interface Run {
  readonly rate: number
  readonly breakdown: Breakdown
}

/** Messages of the first run, which finds out whether the handler is a slow one. */
const probed = 32

/** From here on a handler still gets faster as it is compiled, and what lies in a ring is soon done. */
const fastPerSecond = 10_000

/** A bound on the messages of a run, by the rate of the one before. */
function bound(perSecond: number, seconds: number): number {
  const times = perSecond < fastPerSecond ? 1.5 : 20
  return Math.max(probed, Math.ceil(perSecond * seconds * times))
}

await answer<ThroughputTask>(async ({ dir, seconds, warmupSeconds, runs, before, ...load }) => {
  const count = { sent: 0, told: 0 }
  const { stream, feed } = await openLoad(load, dir, (batch) => {
    count.told += batch.statuses.length
  })
  const send = load.way === 'stored' || load.way === 'processed' ? sendUntil : pushUntil
  // Otherwise several threads share a stage, or both sides a thread.
  const isTakenApart = stream.shards === 1 && stream.workers === 1 && stream.classes.length === 1
  const run = async (forSeconds: number, messages: number): Promise<Run> => {
    const stagesBefore = stream.stages()
    const beganMs = performance.now()
    const sent = await send(stream, feed, { timeMs: beganMs + 1000 * forSeconds, messages })
    count.sent += sent
    await stream.drain()
    while (load.way === 'batched' && count.told < count.sent) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
    }
    const wallMs = performance.now() - beganMs
    const breakdown = breakdownOf(stagesBefore, stream.stages(), wallMs, sent)
    return { rate: (1000 * sent) / wallMs, breakdown }
  }
  if (before > 0) await run(Infinity, before)
  const warmUntilMs = performance.now() + 1000 * warmupSeconds
  let { rate } = await run(warmupSeconds, probed)
  // Each run bounds the next one: messages that a slow handler will not come to in time are not sent.
  for (;;) {
    const restSeconds = (warmUntilMs - performance.now()) / 1000
    if (restSeconds <= 0) break
    rate = (await run(restSeconds, bound(rate, restSeconds))).rate
  }
  const perSecond: number[] = []
  const breakdowns: Breakdown[] = []
  for (let i = 0; i < runs; i++) {
    const timed = await run(seconds, bound(rate, seconds))
    rate = timed.rate
    perSecond.push(Math.round(rate))
    if (isTakenApart) breakdowns.push(timed.breakdown)
  }
  const note = noteOf(stream)
  await stream.close()
  return { perSecond, breakdowns, ...(note === undefined ? {} : { note }) }
})
