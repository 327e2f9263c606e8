import type { Counters } from '../core/message.js'
import type { Row } from '../print/table.js'

type Ended = 'processed' | 'filtered' | 'duplicate' | 'late' | 'deadLettered' | 'dropped'

const outcomes = [
  'processed',
  'filtered',
  'duplicate',
  'late',
  'deadLettered',
  'dropped',
] as const satisfies readonly Ended[]

const names: readonly (readonly [keyof Counters, string])[] = [
  ['stored', 'stored'],
  ['processed', 'processed'],
  ['filtered', 'filtered'],
  ['duplicate', 'duplicate'],
  ['late', 'late'],
  ['deadLettered', 'dead-lettered'],
  ['dropped', 'dropped'],
  ['parked', 'parked'],
  ['inFlight', 'in flight'],
]

/** How many messages have come to their end. */
export function endedOf(counters: Readonly<Record<Ended, number>>): number {
  return outcomes.reduce((sum, outcome) => sum + counters[outcome], 0)
}

/**
 * The counters of one run: what ended in it, and what is left. What an earlier run left undone counts
 * as stored here, so that stored is the sum of the others in a run that goes on, too.
 */
export function countersOfRun(before: Readonly<Counters>, after: Readonly<Counters>): Counters {
  const counters = { ...after, stored: after.stored - endedOf(before) }
  for (const outcome of outcomes) counters[outcome] -= before[outcome]
  return counters
}

/** One row for each counter, with a cell for each column. */
export function counterRows(
  columns: readonly Readonly<Counters>[],
  cell: (count: number) => string,
) {
  return names.map(([counter, name]): Row => {
    const counts = columns.map((column) => column[counter])
    const trouble = counter === 'deadLettered' || counter === 'dropped' || counter === 'parked'
    const style = counts.every((count) => count === 0) ? 'dim' : trouble ? 'yellow' : undefined
    return { name, cells: counts.map(cell), ...(style === undefined ? {} : { style }) }
  })
}
