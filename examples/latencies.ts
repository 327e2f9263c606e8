import { createHistogram, type Histogram } from 'node:perf_hooks'
import { nowMs } from './open-loop.js'

/** Latencies in nanoseconds, each within a thousandth. */
export class Latencies {
  readonly histogram = createHistogram()

  /** An answer is there, to what was due at `intendedMs`. */
  since(intendedMs: number): void {
    this.histogram.record(Math.max(1, Math.round((nowMs() - intendedMs) * 1e6)))
  }
}

/** In milliseconds. */
export function percentile(histogram: Histogram, percent: number): number {
  return histogram.percentile(percent) / 1e6
}

/** `p50 0.31 ms, p99 1.20 ms, max 4.02 ms` */
export function latencyText(histogram: Histogram): string {
  const [p50, p99, max] = [50, 99, 100].map((percent) => percentile(histogram, percent).toFixed(2))
  return `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`
}

/** What was wanted, and whether it was had. */
export function targetText(histogram: Histogram, percent: number, atMostMs: number): string {
  const isReached = percentile(histogram, percent) <= atMostMs
  const within = shareWithin(histogram, atMostMs).toFixed(1)
  return `p${percent} ≤ ${atMostMs} ms: ${isReached ? 'reached' : 'MISSED'}, ${within} % within`
}

/** In percent, to a tenth. */
function shareWithin(histogram: Histogram, ms: number): number {
  if (percentile(histogram, 100) <= ms) return 100
  let [within, beyond] = [0, 1000]
  while (beyond - within > 1) {
    const middle = Math.floor((within + beyond) / 2)
    if (percentile(histogram, middle / 10) <= ms) within = middle
    else beyond = middle
  }
  return within / 10
}
