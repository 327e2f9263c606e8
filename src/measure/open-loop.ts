import { Stopwatch } from './latencies.js'

/** A fixed rate of messages, whether or not answers come. */
export interface Schedule {
  readonly perSecond: number
  /** In all, the first `warm` of which are not counted. */
  readonly messages: number
  readonly warm: number
}

export function scheduleOf(perSecond: number, seconds: number, warmupSeconds: number): Schedule {
  const warm = Math.ceil(perSecond * warmupSeconds)
  return { perSecond, warm, messages: warm + Math.max(1, Math.round(perSecond * seconds)) }
}

/** When a message is due, in nanoseconds after the first one. */
export function dueNs({ perSecond }: Schedule, number: number): number {
  return (number * 1e9) / perSecond
}

/** Who sends on a schedule. */
export interface LoopSender {
  /** Called once, with the time at which the first message is due. */
  began(startNs: number): void
  /** Whether the message was taken; where not, `ready` is awaited and it is offered again. */
  send(number: number): boolean
  ready(): Promise<void>
  /** Whether answers come, so that the event loop has to turn whenever there is time. */
  readonly isAnswered: boolean
}

/** Sends in a row before the event loop turns, where the sender is behind. */
const inRowMax = 64
/** A turn takes some microseconds: who waits for no answer has none in front of a message. */
const turnNs = 20_000
/** But one at least in that time, for notices and timers. */
const betweenTurnsNs = 1_000_000

/**
 * Sends each message at the time that it is due, or as soon after as it can. The thread has a core for
 * it and looks at the clock all the time: a timer would be late by a millisecond.
 * @param clock in nanoseconds
 * @returns how late the sender was
 */
export async function openLoop(
  schedule: Schedule,
  clock: () => number,
  sender: LoopSender,
): Promise<Stopwatch> {
  const late = new Stopwatch()
  const startNs = clock()
  sender.began(startNs)
  const shortestNs = sender.isAnswered ? 0 : turnNs
  let turnedNs = startNs
  let inRow = 0
  for (let number = 0; number < schedule.messages;) {
    const nowNs = clock()
    const lateNs = nowNs - startNs - dueNs(schedule, number)
    if (lateNs < -shortestNs || inRow === inRowMax || nowNs - turnedNs > betweenTurnsNs) {
      await turn()
      turnedNs = clock()
      inRow = 0
      continue
    }
    if (lateNs < 0) continue
    if (!sender.send(number)) {
      await sender.ready()
      continue
    }
    if (number >= schedule.warm) late.record(lateNs)
    number += 1
    inRow += 1
    // What was pushed is on its way at the end of the tick: now, unless the next one is due as well.
    if (clock() - startNs < dueNs(schedule, number)) await undefined
  }
  return late
}

/**
 * How late a loop is that does nothing but look at the clock, at the same rate: what the machine does
 * to whoever is in a hurry, and no message can be faster than it.
 */
export function bareLoop(schedule: Schedule, clock: () => number): Stopwatch {
  const late = new Stopwatch()
  const startNs = clock()
  for (let number = 0; number < schedule.messages; number++) {
    const due = dueNs(schedule, number)
    let lateNs: number
    do lateNs = clock() - startNs - due
    while (lateNs < 0)
    if (number >= schedule.warm) late.record(lateNs)
  }
  return late
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
