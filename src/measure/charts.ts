import { reportTitle } from './machine.js'
import type { Latencies, Report, Result, Spread } from './result.js'
import type { Place } from './whisker.js'

/** A picture: what ECharts is told, as data. */
export interface Chart {
  /** Of its file. */
  readonly name: string
  readonly title: string
  readonly heightPx: number
  readonly option: ChartOption
}

export interface ChartOption {
  readonly series: readonly Series[]
  readonly [name: string]: unknown
}

export interface Series {
  readonly type: string
  /** Of a custom series: drawn by `whisker` at this place. */
  readonly whisker?: Place & { readonly categories: number }
  readonly [name: string]: unknown
}

export const chartWidthPx = 960

/** The charts of a report: rates, what they are against at-most-once, and latencies by rate. */
export function chartsOf(report: Report): Chart[] {
  const suites = [...new Set(report.results.map((result) => result.suite))]
  return suites.flatMap((suite) => {
    const results = report.results.filter((result) => result.suite === suite)
    const charts = [
      ...rateCharts(results, suite),
      ...latencyCharts(results, suite),
      ...loadCharts(results, suite),
    ]
    return charts.map((chart) => signed(chart, reportTitle(report)))
  })
}

function rateCharts(results: readonly Result[], suite: string | undefined): Chart[] {
  const rates = results.filter(({ messagesPerSecond }) => messagesPerSecond !== undefined)
  const shares = rates.filter(({ against }) => against !== undefined)
  const runs = Math.max(1, ...rates.map((result) => result.runs ?? 1))
  return [
    ...barChart(
      rates,
      ({ messagesPerSecond }) => messagesPerSecond as Spread,
      named(suite, 'throughput'),
      titled(suite, `messages a second, median and range of ${runs} runs`),
    ),
    ...barChart(
      shares,
      ({ against }) => percent(against?.share as Spread),
      named(suite, 'cost'),
      titled(suite, 'against at-most-once of the same runs, in %: less than 0 is slower'),
    ),
  ]
}

function percent({ median, min, max }: Spread): Spread {
  return { median: change(median), min: change(min), max: change(max) }
}

function change(share: number): number {
  return Number(((share - 1) * 100).toFixed(1))
}

function barChart(
  results: readonly Result[],
  of: (result: Result) => Spread,
  name: string,
  title: string,
): Chart[] {
  if (results.length === 0) return []
  const categories = [...new Set(results.map(categoryOf))]
  const groups = [...new Set(results.map(groupOf))]
  const series = groups.flatMap((group, index): Series[] => {
    const own = categories.map((category) =>
      results.find((one) => categoryOf(one) === category && groupOf(one) === group),
    )
    return [
      {
        type: 'bar',
        name: group,
        barCategoryGap: '20%',
        barGap: '0%',
        data: own.map((one) => (one === undefined ? null : of(one).median)),
      },
      {
        type: 'custom',
        name: group,
        z: 3,
        silent: true,
        whisker: { index, count: groups.length, categories: categories.length },
        encode: { x: [1, 2], y: 0 },
        data: own.flatMap((one, i) => (one === undefined ? [] : [[i, of(one).min, of(one).max]])),
      },
    ]
  })
  return [
    {
      name,
      title,
      heightPx: 130 + categories.length * (20 + 16 * groups.length),
      option: {
        tooltip: {},
        legend: { bottom: 24, data: groups },
        grid: { left: 8, right: 32, top: 44, bottom: 56, containLabel: true },
        xAxis: { type: 'value' },
        yAxis: { type: 'category', inverse: true, data: categories },
        series,
      },
    },
  ]
}

const percentiles = ['p50', 'p90', 'p99', 'p999', 'max'] as const

const latencyTitles = [
  ['latencyUs', 'handled', 'until the handler has it'],
  ['acknowledgedUs', 'acknowledged', 'until the sender is told'],
] as const

/** One for each rate and way: percentiles of each case, beside a bare loop. */
function latencyCharts(results: readonly Result[], suite: string | undefined): Chart[] {
  return latencyTitles.flatMap(([key, name, title]) => {
    const measured = results.filter((result) => result[key] !== undefined)
    const groups = [...new Set(measured.map((one) => `${groupOf(one)} at ${one.rate ?? '?'}/s`))]
    return groups.map((group): Chart => {
      const own = measured.filter((one) => `${groupOf(one)} at ${one.rate ?? '?'}/s` === group)
      const bare = own.flatMap(({ stallsUs }) => stallsUs ?? [])[0]
      const lines = own.map((one) => line(categoryOf(one), one[key] as Latencies, 'solid'))
      if (bare !== undefined) lines.push(line('a bare loop, late', bare, 'dotted'))
      return {
        name: named(suite, `${name} ${group}`),
        title: titled(suite, `${group}: microseconds from when it was due ${title}`),
        heightPx: 420,
        option: {
          ...lineOption,
          xAxis: { type: 'category', data: ['p50', 'p90', 'p99', 'p99.9', 'max'] },
          series: lines,
        },
      }
    })
  })
}

/** One for each way that was measured at several rates: what comes of latency as more is offered. */
function loadCharts(results: readonly Result[], suite: string | undefined): Chart[] {
  return latencyTitles.flatMap(([key, name, title]) => {
    const measured = results.filter((one) => one[key] !== undefined && one.rate !== undefined)
    const rates = [...new Set(measured.map(({ rate }) => rate as number))].toSorted((a, b) => a - b)
    const groups = [...new Set(measured.map(groupOf))]
    if (rates.length < 2) return []
    return groups.map((group): Chart => {
      const own = measured.filter((one) => groupOf(one) === group)
      const lines = [...new Set(own.map(categoryOf))].flatMap((category) =>
        (['p50', 'p99'] as const).map((percentile): Series => ({
          type: 'line',
          name: `${category} ${percentile}`,
          lineStyle: { type: percentile === 'p50' ? 'solid' : 'dashed' },
          data: rates.map((rate) => {
            const found = own.find((one) => one.rate === rate && categoryOf(one) === category)
            return found === undefined
              ? null
              : Number((found[key] as Latencies)[percentile].toFixed(2))
          }),
        })),
      )
      return {
        name: named(suite, `${name} ${group} by rate`),
        title: titled(suite, `${group}: microseconds from when it was due ${title}, by rate`),
        heightPx: 420,
        option: {
          ...lineOption,
          xAxis: { type: 'category', name: '/s', data: rates.map(String) },
          series: lines,
        },
      }
    })
  })
}

const lineOption = {
  tooltip: { trigger: 'axis' },
  legend: { bottom: 24 },
  grid: { left: 8, right: 40, top: 44, bottom: 96, containLabel: true },
  yAxis: { type: 'log', name: 'µs' },
}

function line(name: string, latencies: Latencies, type: 'solid' | 'dotted'): Series {
  return {
    type: 'line',
    name,
    lineStyle: { type },
    data: percentiles.map((percentile) => Number(latencies[percentile].toFixed(2))),
  }
}

/** What a case is called on an axis. */
function categoryOf({ contender, delivery, durability, case: name, suite }: Result): string {
  const isGuarantee = delivery !== undefined && durability !== undefined
  if (!isGuarantee || (suite !== undefined && !name.includes(delivery))) return name
  const who = contender === undefined || contender === 'semel' ? '' : `${contender} `
  return `${who}${delivery} ${durability}`
}

function groupOf({ acknowledge, message }: Result): string {
  const kind = message === undefined || message === 'object' ? '' : `${message} `
  return `${kind}${acknowledge ?? 'pushed'}`
}

function named(suite: string | undefined, name: string): string {
  return [suite, name]
    .filter((part) => part !== undefined)
    .join(' ')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
}

function titled(suite: string | undefined, title: string): string {
  return suite === undefined ? title : `${suite}: ${title}`
}

/** With its title, and with what it was measured on below it. */
function signed(chart: Chart, below: string): Chart {
  const style = { fontSize: 11, fontWeight: 'normal', color: '#777' }
  return {
    ...chart,
    option: {
      animation: false,
      backgroundColor: '#fff',
      ...chart.option,
      title: [
        { text: chart.title, left: 8, top: 8, textStyle: { fontSize: 14 } },
        { text: below, left: 8, bottom: 0, textStyle: style },
      ],
    },
  }
}
