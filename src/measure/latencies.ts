import { createHistogram, type Histogram } from 'node:perf_hooks'
import type { Latencies } from './result.js'

/** Latencies by a clock that all threads of a process share, each within a thousandth. */
export class Stopwatch {
  readonly #histogram = createHistogram()

  get count(): number {
    return this.#histogram.count
  }

  /** A histogram has no place for less than a nanosecond. */
  record(nanoseconds: number): void {
    this.#histogram.record(Math.max(1, Math.round(nanoseconds)))
  }

  /** undefined where nothing was recorded. */
  latencies(): Latencies | undefined {
    return this.count === 0 ? undefined : latenciesOf(this.#histogram)
  }
}

/** The percentiles of a histogram of nanoseconds. */
export function latenciesOf(histogram: Histogram): Latencies {
  const us = (percent: number): number => histogram.percentile(percent) / 1000
  return { p50: us(50), p90: us(90), p99: us(99), p999: us(99.9), max: histogram.max / 1000 }
}
