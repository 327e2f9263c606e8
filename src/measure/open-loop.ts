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

/** Sends in a row before answers are let in, where the sender is behind. */
const inRowMax = 64

/**
 * Calls `send` with each message's number at the time that it is due, or as soon after as it can. It
 * turns the event loop in between and has a core for it: a timer would be late by a millisecond.
 * @param clock in nanoseconds
 * @param send whether the message was taken; where not, `ready` is awaited and it is offered again
 * @returns when the first message was due, by the clock, and how late the sender was
 */
export async function openLoop(
  schedule: Schedule,
  clock: () => number,
  send: (number: number) => boolean,
  ready: () => Promise<void>,
  began: (startNs: number) => void,
): Promise<Stopwatch> {
  const late = new Stopwatch()
  const startNs = clock()
  began(startNs)
  let inRow = 0
  for (let number = 0; number < schedule.messages;) {
    const lateNs = clock() - startNs - dueNs(schedule, number)
    if (lateNs < 0 || inRow === inRowMax) {
      inRow = 0
      await turn()
      continue
    }
    if (!send(number)) {
      await ready()
      continue
    }
    if (number >= schedule.warm) late.record(lateNs)
    number += 1
    inRow += 1
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
