import { columns } from '../columns.js'
import type { State } from './state.js'
import { growthMax, type Verdict } from './verdict.js'

/** A run is told in so many rows at most. */
const rowsMax = 12

/** States that lie evenly over the run, the last one among them. */
export function tableOf(states: readonly State[]): string {
  const step = states.length / Math.min(rowsMax, states.length)
  const head = ['messages', 'M/s', 'resident', 'anonymous', 'heap', 'external', 'index', 'disk']
  const rows: string[][] = []
  for (let at = step; at <= states.length + 1e-9; at += step) {
    const state = states[Math.round(at) - 1] as State
    const { messages, messagesPerSecond, resident, anonymous, heapUsed, external } = state
    rows.push([
      messages.toLocaleString('en-US'),
      (messagesPerSecond / 1e6).toFixed(2),
      mebibytes(resident),
      anonymous === undefined ? '' : mebibytes(anonymous),
      mebibytes(heapUsed),
      mebibytes(external),
      mebibytes(state.index),
      mebibytes(state.disk),
    ])
  }
  return `${columns([head, ...rows])}Memory in MiB; heap and external are those of the sender's thread.\n`
}

export function verdictText({ kind, early, late }: Verdict): string {
  if (kind === 'too short') {
    return 'too short to tell: the second eighth began before ids expired as fast as they came\n'
  }
  const change = `${late < early ? '' : '+'}${(100 * (late / early - 1)).toFixed(1)} %`
  return `${kind}: resident memory at most ${mebibytes(late)} MiB in the last half, ${mebibytes(early)} MiB in the second eighth (${change}; ${100 * growthMax} % is still flat)\n`
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(bytes < 100 * 2 ** 20 ? 1 : 0)
}
