import { expect, it } from 'vitest'
import { Stopwatch } from '../../src/measure/latencies.js'
import { bareLoop, openLoop, scheduleOf } from '../../src/measure/open-loop.js'

const clock = (): number => performance.now() * 1e6
const never = (): Promise<void> => Promise.reject(new Error('nobody asked for room'))

it('an open loop offers each message when it is due, whatever becomes of the others', async () => {
  const schedule = scheduleOf(2000, 0.02, 0.005)
  expect(schedule).toEqual({ perSecond: 2000, warm: 10, messages: 50 })
  let startNs = 0
  const early: number[] = []
  const late = await openLoop(
    schedule,
    clock,
    (number) => {
      if (clock() - startNs < number * 500_000) early.push(number)
      return true
    },
    never,
    (ns) => (startNs = ns),
  )
  expect(early).toEqual([])
  expect(late.count).toBe(40)
})

it('a message that had to wait for room is as late as it is', async () => {
  let refusals = 3
  const late = await openLoop(
    scheduleOf(1000, 0.005, 0),
    clock,
    (number) => number !== 2 || refusals-- === 0,
    () => new Promise((resolve) => setTimeout(resolve, 5)),
    () => {},
  )
  expect(late.count).toBe(5)
  expect(late.latencies()?.max).toBeGreaterThan(10_000)
})

it('a bare loop is late by what the clock moves between two looks', () => {
  let now = 0
  const late = bareLoop({ perSecond: 1_000_000, messages: 100, warm: 10 }, () => (now += 300))
  expect(late.count).toBe(90)
  expect(late.latencies()?.max).toBeLessThan(0.302)
})

it('nothing was measured where nothing was recorded', () => {
  expect(new Stopwatch().latencies()).toBeUndefined()
})
