import { describe, expect, it } from 'vitest'
import {
  conclude,
  mergedLatencies,
  pairedShare,
  spread,
  width,
} from '../../src/measure/statistics.js'

const run = (by: number, max: number) => ({ p50: by, p90: 2 * by, p99: 3 * by, p999: 4 * by, max })

describe('a spread', () => {
  it('has the middle of its values, and their ends', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
    expect(spread([7])).toEqual({ median: 7, min: 7, max: 7 })
    expect(() => spread([])).toThrow('at least')
  })

  it('is as wide as its ends lie apart, beside its median', () => {
    expect(width(spread([90, 100, 120]))).toBeCloseTo(0.3)
    expect(width(spread([0, 0]))).toBe(0)
  })
})

describe('two cases', () => {
  it('are compared run by run, so that what a machine does to a pair drops out', () => {
    // Each round is twice as slow as the one before.
    expect(pairedShare([80, 40, 20], [100, 50, 25])).toEqual({ median: 0.8, min: 0.8, max: 0.8 })
    expect(pairedShare([80], [100, 50])).toEqual({ median: 0.8, min: 0.8, max: 0.8 })
    expect(pairedShare([], [100])).toBeUndefined()
  })

  it.each([
    [[0.7, 0.8, 0.9], 'slower'],
    [[1.1, 1.2, 1.3], 'faster'],
    [[0.9, 1, 1.1], 'no difference'],
    [[0.5, 0.9, 1.1], 'too noisy'],
    [[0.3, 0.9, 0.95], 'too noisy'],
    [[0.5, 0.6], 'too few runs'],
  ] as const)('with the ratios %j are said to be: %s', (ratios, verdict) => {
    expect(conclude(spread(ratios), ratios.length)).toBe(verdict)
  })
})

it('latencies of several runs are the medians of theirs, but the greatest is that of all', () => {
  expect(mergedLatencies([run(1, 50), run(3, 10), run(2, 20)])).toEqual(run(2, 50))
})
