import { categoryOf, groupOf, named, titled, type Chart, type Series } from './chart.js'
import type { Result, Spread } from '../result.js'

/** Rates, and what they are against at-most-once; `others` are those of another scale. */
export function rateCharts(
  results: readonly Result[],
  suite: string | undefined,
  others = '',
): Chart[] {
  const rates = results.filter(({ messagesPerSecond }) => messagesPerSecond !== undefined)
  const shares = rates.filter(({ against }) => against !== undefined)
  const runs = Math.max(1, ...rates.map((result) => result.runs ?? 1))
  return [
    ...barChart(
      rates,
      ({ messagesPerSecond }) => messagesPerSecond as Spread,
      named(suite, `throughput ${others}`),
      titled(suite, `messages a second, median and range of ${runs} runs`),
    ),
    ...barChart(
      shares,
      ({ against }) => percent(against?.share as Spread),
      named(suite, `cost ${others}`),
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
        legend: { bottom: 24, itemGap: 24, data: groups },
        grid: { left: 32, right: 32, top: 44, bottom: 56, containLabel: true },
        xAxis: { type: 'value' },
        yAxis: { type: 'category', inverse: true, data: categories },
        series,
      },
    },
  ]
}
