import { describe, expect, it, test } from 'vitest'
import { Stopwatch } from '../../src/measure/latencies.js'
import { bareLoop, openLoop, scheduleOf } from '../../src/measure/open-loop.js'

const clock = (): number => performance.now() * 1e6
const never = (): Promise<void> => Promise.reject(new Error('nobody asked for room'))

describe.each([true, false])('an open loop whose sender is answered: %s', (isAnswered) => {
  test('offers each message when it is due, whatever becomes of the others', async () => {
    const schedule = scheduleOf(2000, 0.02, 0.005)
    expect(schedule).toEqual({ perSecond: 2000, warm: 10, messages: 50 })
    let startNs = 0
    const early: number[] = []
    const late = await openLoop(schedule, clock, {
      isAnswered,
      began: (ns) => (startNs = ns),
      send(number) {
        if (clock() - startNs < number * 500_000) early.push(number)
        return true
      },
      ready: never,
    })
    expect(early).toEqual([])
    expect(late.count).toBe(40)
  })

  test('lets what was sent go, and others have their turn', async () => {
    let left = 0
    let turns = 0
    const timer = setInterval(() => (turns += 1), 1)
    await openLoop(scheduleOf(100_000, 0.02, 0), clock, {
      isAnswered,
      began: () => {},
      send(number) {
        queueMicrotask(() => (left = number + 1))
        // Sixty-four in a row at most, where it is behind.
        expect(number - left).toBeLessThanOrEqual(64)
        return true
      },
      ready: never,
    })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(1)
  })

  test('counts a message that had to wait for room as late as it is', async () => {
    let refusals = 3
    const late = await openLoop(scheduleOf(1000, 0.005, 0), clock, {
      isAnswered,
      began: () => {},
      send: (number) => number !== 2 || refusals-- === 0,
      ready: () => new Promise((resolve) => setTimeout(resolve, 5)),
    })
    expect(late.count).toBe(5)
    expect(late.latencies()?.max).toBeGreaterThan(10_000)
  })
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
