import { plain, tableLines, type Paint, type Row } from '../print/table.js'
import { countText } from '../print/text.js'
import { breakdownLines } from './breakdown.js'
import { reportTitle } from './machine.js'
import type { Comparison, Latencies, Report, Result, Spread } from './result.js'
import { noisyWidth, width } from './statistics.js'

const verdicts = {
  slower: 'slower in every run',
  faster: 'faster in every run',
  'no difference': 'no difference to be seen',
  'too noisy': 'too noisy to conclude',
  'too few runs': 'too few runs to conclude',
} as const

/** A report for people: a table of rates, of latencies and of parts for each suite. */
export function reportText(report: Report, paint: Paint = plain): string {
  const lines = [paint('bold', reportTitle(report))]
  for (const suite of new Set(report.results.map((result) => result.suite))) {
    const results = report.results.filter((result) => result.suite === suite)
    if (suite !== undefined) lines.push('', paint('bold', suite))
    lines.push(...rateLines(results, paint), ...breakdownLines(results, paint))
    lines.push(...latencyLines(results, paint))
    lines.push(...partLines(results, paint), ...missingLines(results, paint), ...noteLines(results))
  }
  const noisy = report.results.filter(isNoisy)
  if (noisy.length > 0) {
    lines.push(
      '',
      paint(
        'yellow',
        `too noisy to conclude from: the runs of ${noisy.length} of ${report.results.length} cases lie more than ${noisyWidth * 100} % of their median apart; measure again on a quieter machine, or with more --runs`,
      ),
    )
  }
  return `${lines.join('\n')}\n`
}

/** Whether a case's own runs lie too far apart. */
export function isNoisy({ messagesPerSecond }: Result): boolean {
  return messagesPerSecond !== undefined && width(messagesPerSecond) > noisyWidth
}

function rateLines(results: readonly Result[], paint: Paint): string[] {
  const measured = results.filter(({ messagesPerSecond }) => messagesPerSecond !== undefined)
  if (measured.length === 0) return []
  const isCompared = measured.some(({ against }) => against !== undefined)
  const hasCeiling = measured.some(({ ceiling }) => ceiling !== undefined)
  const head: Row = {
    name: `median of ${runsText(measured)}`,
    cells: [
      'messages/s',
      'min … max',
      ...(isCompared ? ['against at-most-once', ''] : []),
      ...(hasCeiling ? ['of the ceiling'] : []),
    ],
    style: 'dim',
  }
  const rows = measured.map((result): Row => {
    const { median, min, max } = result.messagesPerSecond as Spread
    return {
      name: result.case,
      cells: [
        countText(median),
        `${countText(min)} … ${countText(max)}`,
        ...(isCompared ? againstCells(result.against) : []),
        ...(hasCeiling ? [ceilingCell(result)] : []),
      ],
      ...(isNoisy(result) ? { style: 'yellow' } : {}),
    }
  })
  const ceilings = [...new Set(measured.flatMap(({ ceilingOf }) => ceilingOf ?? []))]
  const below = hasCeiling ? ['', `  ceilings: ${ceilings.join('; ')}`] : []
  return ['', ...tableLines([head, ...rows], paint), ...below]
}

function againstCells(against: Comparison | undefined): string[] {
  if (against === undefined) return ['', '']
  const { share, verdict } = against
  return [
    `${changeText(share.median)} (${changeText(share.min)} … ${changeText(share.max)})`,
    verdicts[verdict],
  ]
}

/** `-23 %`: what a guarantee takes of the rate. */
export function changeText(share: number): string {
  const percent = Math.round((share - 1) * 100)
  return `${percent > 0 ? '+' : ''}${percent} %`
}

function ceilingCell({ shareOfCeiling }: Result): string {
  return shareOfCeiling === undefined ? '' : `${Math.round(shareOfCeiling * 100)} %`
}

const latencyTitles = [
  ['latencyUs', 'until the handler has it'],
  ['acknowledgedUs', 'until the sender is told'],
  ['lateUs', 'the sender itself, late'],
  ['stallsUs', 'a bare loop, late'],
] as const

function latencyLines(results: readonly Result[], paint: Paint): string[] {
  const rows = results.flatMap((result) => {
    const found = latencyTitles.flatMap(([name, title], i): Row[] => {
      const latencies = result[name]
      if (latencies === undefined) return []
      return [
        { name: `  ${title}`, cells: latencyCells(latencies), ...(i > 1 ? { style: 'dim' } : {}) },
      ]
    })
    return found.length === 0
      ? []
      : [{ name: result.case, cells: [] }, ...found, ...boundRows(result)]
  })
  if (rows.length === 0) return []
  const head: Row = {
    name: `microseconds from ${results.some(({ rate }) => rate !== undefined) ? 'when it was due' : 'its send'}`,
    cells: ['p50', 'p90', 'p99', 'p99.9', 'max'],
    style: 'dim',
  }
  return ['', ...tableLines([head, ...rows], paint)]
}

/** Beside what the machine takes for the same by itself. */
function boundRows({ ceiling, ceilingOf, shareOfCeiling }: Result): Row[] {
  if (ceiling === undefined || shareOfCeiling === undefined) return []
  const times = (1 / shareOfCeiling).toFixed(1)
  return [{ name: `  ${ceilingOf}: ×${times}`, cells: [microsecondsText(ceiling)], style: 'dim' }]
}

function latencyCells({ p50, p90, p99, p999, max }: Latencies): string[] {
  return [p50, p90, p99, p999, max].map(microsecondsText)
}

/** Three digits or so: `3.2`, `187`, `12,400`. */
export function microsecondsText(us: number): string {
  return us < 100 ? us.toFixed(1) : countText(us)
}

function partLines(results: readonly Result[], paint: Paint): string[] {
  const parts = results.flatMap((result) =>
    result.nanoseconds === undefined ? [] : [{ ...result, ns: result.nanoseconds }],
  )
  if (parts.length === 0) return []
  const head: Row = { name: 'each takes', cells: ['ns', 'min … max'], style: 'dim' }
  const rows = parts.map(({ case: name, ns: { median, min, max } }): Row => ({
    name,
    cells: [median.toFixed(1), `${min.toFixed(1)} … ${max.toFixed(1)}`],
  }))
  return ['', ...tableLines([head, ...rows], paint)]
}

function missingLines(results: readonly Result[], paint: Paint): string[] {
  const lines = results.flatMap(({ case: name, missing }) =>
    missing === undefined ? [] : [paint('yellow', `  not measured: ${name}: ${missing}`)],
  )
  return lines.length === 0 ? [] : ['', ...lines]
}

function noteLines(results: readonly Result[]): string[] {
  const lines = results.flatMap(({ case: name, note }) =>
    note === undefined ? [] : [`  ${name}: ${note}`],
  )
  return lines.length === 0 ? [] : ['', ...lines]
}

function runsText(results: readonly Result[]): string {
  const counts = [...new Set(results.map(({ runs }) => runs ?? 1))]
  return `${counts.join(' or ')} run${counts.length === 1 && counts[0] === 1 ? '' : 's'}`
}
