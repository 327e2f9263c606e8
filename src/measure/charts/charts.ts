import type { Chart } from './chart.js'
import { latencyCharts, loadCharts } from './latency-charts.js'
import { reportTitle } from '../machine.js'
import { rateCharts } from './rate-charts.js'
import type { Report } from '../result.js'

/** The charts of a report: rates, what they are against at-most-once, and latencies by rate. */
export function chartsOf(report: Report): Chart[] {
  const suites = [...new Set(report.results.map((result) => result.suite))]
  return suites.flatMap((suite) => {
    const results = report.results.filter((result) => result.suite === suite)
    // Raw messages are so much faster that objects beside them could not be read.
    const objects = results.filter(({ message }) => message === 'object')
    const others = results.filter(({ message }) => message !== 'object')
    const charts = [
      ...rateCharts(objects, suite),
      ...rateCharts(others, suite, objects.length === 0 ? '' : 'of others'),
      ...latencyCharts(results, suite),
      ...loadCharts(results, suite),
    ]
    return charts.map((chart) => signed(chart, reportTitle(report)))
  })
}

/** With its title, and with what it was measured on below it. */
export function signed(chart: Chart, below: string): Chart {
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
