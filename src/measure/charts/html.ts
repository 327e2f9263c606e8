import { chartWidthPx } from './chart.js'
import { chartsOf } from './charts.js'
import { echartsScript } from './echarts.js'
import { reportTitle } from '../machine.js'
import { reportText } from '../report-text.js'
import type { Report } from '../result.js'
import { whisker } from './whisker.js'

/**
 * A report as one page that needs nothing else: the charts with the library that draws them, the tables
 * and the figures.
 * @throws SemelError `SEMEL_MISSING_PEER` where echarts is not installed
 */
export function reportHtml(report: Report, title: string): string {
  const charts = chartsOf(report)
  const elements = charts.map(
    ({ heightPx }, i) => `<div id="chart-${i}" style="height:${heightPx}px"></div>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: ${chartWidthPx}px; padding: 0 1em; }
pre { font-size: 12px; overflow-x: auto; }
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${escaped(reportTitle(report))}</p>
${elements.join('\n')}
<h2>Figures</h2>
<pre>${escaped(reportText(report))}</pre>
<script>${inScript(echartsScript())}</script>
<script>
const whisker = ${inScript(whisker.toString())}
const options = ${inScript(JSON.stringify(charts.map(({ option }) => option)))}
const drawn = ({ whisker: bar, ...series }) => bar === undefined ? series : {
  ...series,
  renderItem: (parameters, api) => whisker(bar, parameters, api, bar.categories),
}
for (const [i, option] of options.entries()) {
  const chart = echarts.init(document.getElementById(\`chart-\${i}\`), null, { renderer: 'svg' })
  chart.setOption({ ...option, series: option.series.map(drawn) })
  addEventListener('resize', () => chart.resize())
}
</script>
<script type="application/json" id="report">${inScript(JSON.stringify(report))}</script>
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A text inside a script: what would end the element is written another way. */
function inScript(text: string): string {
  return text.replaceAll(/<\/(?=script)/gi, '<\\/').replaceAll('<!--', '<\\!--')
}
