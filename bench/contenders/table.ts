import type { Report, Result } from './report.js'

/** The report for a terminal: figures first, then in words what each was told. */
export function tableOf({ machine, date, versions, results }: Report): string[] {
  const { cpu, cores, memoryGiB, os } = machine
  const made = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const measured = results.filter(({ messagesPerSecond }) => messagesPerSecond !== undefined)
  const runs = Math.max(0, ...measured.map((result) => result.runs ?? 0))
  const [process, disk] = (['process', 'disk'] as const).map((durability) =>
    medianOf(results, `semel, ${durability}`),
  )
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${os} · ${date.slice(0, 16).replace('T', ' ')} UTC`,
    made.join(', '),
    `messages a second, objects of 6 fields: median (min … max), ${runs} ${runs === 1 ? 'run' : 'runs'} each`,
    'and how many times as many semel does, exactly-once at process and at disk',
    '',
    cells(['', 'delivery', 'durability', 'median', '(min … max)', '÷ process', '÷ disk']),
    ...results.map((result) => {
      const { case: name, delivery, durability, messagesPerSecond: rates } = result
      const what = [name, delivery, durability]
      if (rates === undefined) return `${cells(what)}  ${notMeasured(result)}`
      const { median, min, max } = rates
      const range = `(${count(min)} … ${count(max)})`
      return cells([...what, count(median), range, times(process, median), times(disk, median)])
    }),
    '',
    ...results.map(({ case: name, settings }) => `${name}: ${settings}`),
  ]
}

const widths = [22, 14, 10, 11, 25, 10, 9] as const
const toTheLeft = 3

function cells(texts: readonly string[]): string {
  const padded = texts.map((text, column) => {
    const width = widths[column] ?? 0
    return column < toTheLeft ? text.padEnd(width) : text.padStart(width)
  })
  return `  ${padded.join(' ')}`
}

function notMeasured({ missing, failed }: Result): string {
  if (missing !== undefined) return `missing: ${missing}`
  return `failed: ${failed?.split('\n')[0] ?? 'nobody knows why'}`
}

function medianOf(results: readonly Result[], name: string): number | undefined {
  return results.find((result) => result.case === name)?.messagesPerSecond?.median
}

function count(rate: number): string {
  return Math.round(rate).toLocaleString('en-US')
}

function times(semel: number | undefined, median: number): string {
  if (semel === undefined) return ''
  const ratio = semel / median
  return `×${ratio.toFixed(ratio < 10 ? 1 : 0)}`
}
