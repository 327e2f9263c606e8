/**
 * How long a message takes at a fixed rate, from the time at which it was due: to its handler in the
 * worker, and until its sender is told.
 * @internal Run in a process of its own by jobs.ts.
 */
import type { Batch } from '../../acknowledge/batched.js'
import { answer } from '../answer.js'
import { Board } from '../subject/board.js'
import { Stopwatch } from '../latencies.js'
import { noteOf, openLoad, type Load } from '../subject/load.js'
import { bareLoop, dueNs, openLoop, scheduleOf } from '../open-loop.js'

export interface OpenLoopTask extends Load {
  readonly perSecond: number
  readonly seconds: number
  readonly warmupSeconds: number
}

await answer<OpenLoopTask>(async ({ dir, perSecond, seconds, warmupSeconds, ...load }) => {
  const schedule = scheduleOf(perSecond, seconds, warmupSeconds)
  const board = Board.put(schedule.messages)
  const clock = board.clock()
  const acknowledged = new Stopwatch()
  let startNs = 0
  let failure: unknown
  const told = (number: number): void => {
    if (number >= schedule.warm) acknowledged.record(clock() - startNs - dueNs(schedule, number))
  }
  const toldBatch = ({ statuses }: Batch<unknown>): void => {
    for (const one of statuses) if (one.status === 'acknowledged') told(one.end.sequence - 1)
  }

  const { stream, feed } = await openLoad(load, dir, toldBatch)
  const isAnswered = load.way === 'stored' || load.way === 'processed'
  let waiting: unknown
  const late = await openLoop(schedule, clock, {
    isAnswered: load.way !== 'pushed',
    began: (ns) => (startNs = ns),
    ready: () => stream.ready(),
    send(number) {
      if (isAnswered) {
        stream.send(feed.next() as never).then(
          () => told(number),
          (error: unknown) => (failure ??= error),
        )
        return true
      }
      waiting ??= feed.next()
      if (!stream.push(waiting as never)) return false
      waiting = undefined
      return true
    },
  })
  await stream.drain()
  const note = noteOf(stream)
  await stream.close()
  if (failure !== undefined) throw failure

  const handled = new Stopwatch()
  for (let number = schedule.warm; number < schedule.messages; number++) {
    const arrivalNs = board.arrival(number + 1)
    if (arrivalNs !== undefined) handled.record(arrivalNs - startNs - dueNs(schedule, number))
  }
  const missed = schedule.messages - schedule.warm - handled.count
  const notes = [note, missed === 0 ? undefined : `${missed} not handled`]
  return {
    latencyUs: handled.latencies(),
    acknowledgedUs: acknowledged.latencies(),
    lateUs: late.latencies(),
    stallsUs: bareLoop(schedule, clock).latencies(),
    note: notes.filter((one) => one !== undefined).join(', ') || undefined,
  }
})
