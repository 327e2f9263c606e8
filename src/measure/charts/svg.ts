import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chartWidthPx, type Chart } from './chart.js'
import { chartsOf } from './charts.js'
import { loadECharts, type ECharts } from './echarts.js'
import type { Report } from '../result.js'
import { whisker } from './whisker.js'

/**
 * Writes each chart of a report as an SVG file.
 * @returns the paths
 * @throws SemelError `SEMEL_MISSING_PEER` where echarts is not installed
 */
export function writeSvgs(report: Report, folder: string): Promise<string[]> {
  return writeCharts(chartsOf(report), folder)
}

/** The same for charts that are none of a report. */
export async function writeCharts(charts: readonly Chart[], folder: string): Promise<string[]> {
  const echarts = await loadECharts()
  mkdirSync(folder, { recursive: true })
  return charts.map((chart) => {
    const path = join(folder, `${chart.name}.svg`)
    writeFileSync(path, svgOf(echarts, chart))
    return path
  })
}

function svgOf(echarts: ECharts, { option, heightPx }: Chart): string {
  const drawing = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: chartWidthPx,
    height: heightPx,
  })
  try {
    drawing.setOption({ ...option, series: option.series.map(drawn) })
    return drawing.renderToSVGString()
  } finally {
    drawing.dispose()
  }
}

function drawn({ whisker: bar, ...series }: Chart['option']['series'][number]): object {
  if (bar === undefined) return series
  return {
    ...series,
    renderItem: (parameters: Parameters<typeof whisker>[1], api: Parameters<typeof whisker>[2]) =>
      whisker(bar, parameters, api, bar.categories),
  }
}
