import { describe, expect, test } from 'vitest'
import { Latencies, latencyText, targetText } from '../../examples/latencies.js'
import { nowMs, openLoop } from '../../examples/open-loop.js'
import { missingAndRepeated } from '../../examples/read-lines.js'

describe.each(['timer', 'turn'] as const)('an open loop that waits by %s', (waiting) => {
  test('sends whether or not answers come, and ends when they are there', async () => {
    const answers: (() => void)[] = []
    let answered = 0
    const sent = openLoop({ perSecond: 1000, seconds: 0.03, waiting }, async (number) => {
      await new Promise<void>((resolve) => {
        answers.push(resolve)
      })
      answered += 1
      expect(number).toBeLessThan(30)
    })
    while (answers.length < 30) await new Promise(setImmediate)
    expect(answered).toBe(0)
    for (const answer of answers) answer()
    expect((await sent).count).toBe(30)
    expect(answered).toBe(30)
  })

  test('keeps the times at which messages were due, where it was held up', async () => {
    const due: number[] = []
    let heldUpMs = 0
    const { latestMs } = await openLoop(
      { perSecond: 500, seconds: 0.1, waiting },
      (number, dueMs) => {
        // Sent when it was due or later, never before.
        expect(nowMs()).toBeGreaterThanOrEqual(dueMs)
        due.push(dueMs)
        if (number !== 10) return
        const untilMs = nowMs() + 30
        while (nowMs() < untilMs) heldUpMs = nowMs() - dueMs
      },
    )
    expect(due).toHaveLength(50)
    for (const [number, dueMs] of due.entries()) {
      expect(dueMs - (due[0] as number)).toBeCloseTo(number * 2, 6)
    }
    expect(latestMs).toBeGreaterThanOrEqual(heldUpMs - 2 - 1e-6)
  })
})

test('latencies are counted from the time at which a message was due', () => {
  const latencies = new Latencies()
  latencies.since(nowMs() - 250)
  expect(latencies.histogram.percentile(50) / 1e6).toBeGreaterThanOrEqual(249)
  expect(latencyText(latencies.histogram)).toMatch(/^p50 \d+\.\d\d ms, p99 \d+\.\d\d ms, max /)
  expect(targetText(latencies.histogram, 99, 1)).toBe('p99 ≤ 1 ms: MISSED, 0.0 % within')
  expect(targetText(latencies.histogram, 50, 100_000)).toBe(
    'p50 ≤ 100000 ms: reached, 100.0 % within',
  )
  for (let i = 0; i < 300; i++) latencies.since(nowMs() - (i < 200 ? 1 : 250))
  expect(targetText(latencies.histogram, 50, 200)).toMatch(/: reached, 66\.\d % within$/)
})

test('a number that is missing and one that is repeated do not make up for each other', () => {
  expect(missingAndRepeated([0, 1, 1, 3], 4)).toEqual({ missing: 1, repeated: 1 })
})
