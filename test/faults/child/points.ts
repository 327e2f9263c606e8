// The runtime's fault points, which the fixture sets where it is called: the core has its own, by the
// same variable (native/faults/points.h).
import { writeSync } from 'node:fs'

export const runtimePoints = [
  'runtime.handler',
  'runtime.pushed',
  'runtime.receipt',
  'runtime.sink-before-write',
  'runtime.sink-half-written',
  'runtime.sink-written',
  'runtime.sink-before-flush',
  'runtime.sink-flushed',
  'runtime.closing',
] as const
/** Those around what a database is asked and told. */
export const databasePoints = [
  'runtime.sink-asking',
  'runtime.sink-asked',
  'runtime.sink-before-raise',
  'runtime.sink-raised',
  'runtime.sink-before-transaction',
  'runtime.sink-in-transaction',
  'runtime.sink-committed',
] as const
/** Those around what a source of the parent's is told. */
export const upstreamPoints = [
  'upstream.before-safe',
  'upstream.safe',
  'upstream.revoking',
  'upstream.revoked',
  'upstream.let-go',
] as const
export type RuntimePoint =
  | (typeof runtimePoints)[number]
  | (typeof databasePoints)[number]
  | (typeof upstreamPoints)[number]

const [chosen, passage] = (process.env['SEMEL_FAULT_POINT'] ?? '').split(':')
let passed = 0

/** Ends the process by kill -9 where this passage is the chosen one. */
export function faultPoint(point: RuntimePoint): void {
  if (isDue(point)) die()
}

/**
 * Writes the first half and ends the process, where this passage is the chosen one.
 * @param announce what comes in front of a write that knows its place
 */
export function halfWritten(
  point: RuntimePoint,
  fd: number,
  text: () => string,
  place?: number,
  announce?: (bytes: number) => void,
): void {
  if (!isDue(point)) return
  const bytes = Buffer.from(text())
  announce?.(bytes.length)
  writeSync(fd, bytes, 0, Math.ceil(bytes.length / 2), place)
  die()
}

function isDue(point: RuntimePoint): boolean {
  if (point !== chosen) return false
  passed += 1
  return passed === Number(passage)
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
