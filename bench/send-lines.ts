import type { SendCase } from './send-cases.js'

type Percentiles = Readonly<Record<'p50' | 'p90' | 'p99' | 'max', number>>

/** What send.ts has measured. */
export interface SendResult {
  readonly latencyUs?: Percentiles
  /** Of a bare write with its fdatasync, in the same run. */
  readonly bareSyncUs?: Percentiles
  /** Messages a second. */
  readonly rate?: number
}

/** The table of acknowledgments. */
export function sendLines(results: readonly (SendCase & SendResult)[]): string[] {
  const lines: string[] = []
  const lone = results.flatMap(({ case: name, latencyUs, bareSyncUs }) =>
    latencyUs === undefined ? [] : [{ name, latencyUs, bareSyncUs }],
  )
  if (lone.length > 0) {
    lines.push('', 'a lone send until its acknowledgment, both sides idle, microseconds')
    lines.push(
      `  ${''.padEnd(32)}${['p50', 'p90', 'p99', 'max'].map((at) => at.padStart(9)).join('')}`,
    )
  }
  for (const { name, latencyUs, bareSyncUs } of lone) {
    lines.push(row(name, latencyUs))
    if (bareSyncUs !== undefined) {
      const times = (latencyUs.p50 / bareSyncUs.p50).toFixed(1)
      lines.push(`${row('  a bare fdatasync beside it', bareSyncUs)}   ×${times}`)
    }
  }
  for (const { case: name, rate } of results) {
    if (rate !== undefined) {
      lines.push('', `send with receipts, ${name}: ${(rate / 1e6).toFixed(2)} million a second`)
    }
  }
  return lines
}

function row(name: string, { p50, p90, p99, max }: Percentiles): string {
  return `  ${name.padEnd(32)}${[p50, p90, p99, max].map((us) => us.toFixed(1).padStart(9)).join('')}`
}
