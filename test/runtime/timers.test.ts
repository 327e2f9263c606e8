import { describe, expect, test } from 'vitest'
import { after, every, nowMs, sleep, Turns, within } from '../../dist/core/waiting/timers.js'

describe('a timer', () => {
  test('beyond what one of Node counts does not fire at once', async () => {
    let fired = 0
    const ends = [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER, Infinity].map((ms) =>
      after(ms, () => {
        fired += 1
      }),
    )
    await sleep(20)
    for (const end of ends) end()
    expect(fired).toBe(0)
  })

  test('that repeats ends from inside', async () => {
    let count = 0
    const end = every(1, () => {
      count += 1
      if (count === 3) end()
    })
    await sleep(50)
    expect(count).toBe(3)
  })

  test('of a sleep ends with its signal, and leaves no listener', async () => {
    const stop = new AbortController()
    const startedMs = nowMs()
    const sleeping = sleep(10_000, { signal: stop.signal })
    stop.abort()
    await sleeping
    await sleep(10_000, { signal: stop.signal })
    expect(nowMs() - startedMs).toBeLessThan(5000)
  })
})

test('within tells whether it has ended, rejected or not', async () => {
  expect(await within(Promise.resolve(), 1000)).toBe(true)
  expect(await within(Promise.reject(new Error('no')), 1000)).toBe(true)
  expect(await within(new Promise(() => {}), 5)).toBe(false)
})

test('turns are due after ten milliseconds of work, until they are given', async () => {
  const turns = new Turns()
  expect(Array.from({ length: 15 }, () => turns.isDue())).not.toContain(true)
  const startMs = nowMs()
  while (nowMs() - startMs < 15);
  while (!turns.isDue());
  expect(turns.isDue()).toBe(true)
  await turns.give()
  expect(turns.isDue()).toBe(false)
})
