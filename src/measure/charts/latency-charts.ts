import { categoryOf, groupOf, named, titled, type Chart, type Series } from './chart.js'
import type { Latencies, Result } from '../result.js'

const percentiles = ['p50', 'p90', 'p99', 'p999', 'max'] as const

const latencyTitles = [
  ['latencyUs', 'handled', 'until the handler has it'],
  ['acknowledgedUs', 'acknowledged', 'until the sender is told'],
] as const

/** One for each rate and way: percentiles of each case, beside a bare loop. */
export function latencyCharts(results: readonly Result[], suite: string | undefined): Chart[] {
  return latencyTitles.flatMap(([key, name, title]) => {
    const measured = results.filter((result) => result[key] !== undefined)
    const groups = [...new Set(measured.map(offered))]
    return groups.map((group): Chart => {
      const own = measured.filter((one) => offered(one) === group)
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
export function loadCharts(results: readonly Result[], suite: string | undefined): Chart[] {
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
  legend: { bottom: 24, itemGap: 24 },
  grid: { left: 16, right: 40, top: 64, bottom: 96, containLabel: true },
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

function offered(result: Result): string {
  const group = groupOf(result)
  return result.rate === undefined ? group : `${group} at ${result.rate}/s`
}
