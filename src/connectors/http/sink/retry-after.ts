/** The most that anybody waits for. */
const msMax = 86_400_000

/**
 * The header `Retry-After`: seconds, or a date.
 * @returns milliseconds from now, 1…a day; undefined where it says nothing
 */
export function retryAfterMs(header: string | undefined, nowMs = Date.now()): number | undefined {
  const text = header?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return Number.isNaN(ms) ? undefined : Math.min(msMax, Math.max(1, ms))
}
