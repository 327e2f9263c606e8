/**
 * How many messages a second go through a pipeline: sent as fast as they are taken, until the last is
 * acknowledged.
 * @internal Run in a process of its own by jobs.ts.
 */
import { answer } from '../answer.js'
import { noteOf, openLoad, type Load } from '../load.js'
import { pushUntil, sendUntil } from '../ways.js'

export interface ThroughputTask extends Load {
  readonly seconds: number
  readonly warmupSeconds: number
  /** Timed ones in this process. */
  readonly runs: number
  /** Pushed before anything is timed. */
  readonly before: number
}

/** Messages of the first run, which finds out whether the handler is a slow one. */
const probed = 256

function bound(rate: number, seconds: number, times: number): number {
  return Math.max(probed, Math.ceil(rate * seconds * times))
}

await answer<ThroughputTask>(async ({ dir, seconds, warmupSeconds, runs, before, ...load }) => {
  const count = { sent: 0, told: 0 }
  const { stream, feed } = await openLoad(load, dir, (batch) => {
    count.told += batch.statuses.length
  })
  const send = load.way === 'stored' || load.way === 'processed' ? sendUntil : pushUntil
  /** The rate of one run. */
  const run = async (forSeconds: number, messages: number): Promise<number> => {
    const beganMs = performance.now()
    const sent = await send(stream, feed, { timeMs: beganMs + 1000 * forSeconds, messages })
    count.sent += sent
    await stream.drain()
    while (load.way === 'batched' && count.told < count.sent) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
    }
    return (1000 * sent) / (performance.now() - beganMs)
  }
  if (before > 0) await run(Infinity, before)
  // Each run bounds the next one, loosely: a handler gets faster as it is compiled.
  let rate = await run(seconds, probed)
  rate = await run(warmupSeconds, bound(rate, warmupSeconds, 20))
  const perSecond: number[] = []
  for (let i = 0; i < runs; i++) {
    rate = await run(seconds, bound(rate, seconds, 4))
    perSecond.push(Math.round(rate))
  }
  const note = noteOf(stream)
  await stream.close()
  return { perSecond, ...(note === undefined ? {} : { note }) }
})
