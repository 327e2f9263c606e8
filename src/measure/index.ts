export { answer } from './answer.js'
export { grades, latencyJobs, missingDeliveries, throughputJobs, withoutOverload } from './cases.js'
export type { Grade, Plan } from './cases.js'
export type { Chart } from './charts/chart.js'
export { signed } from './charts/charts.js'
export { runChild } from './child.js'
export type { ChildOptions } from './child.js'
export { reportHtml } from './charts/html.js'
export { merged, runJobs } from './jobs.js'
export type { Job, RunOptions, Sample } from './jobs.js'
export { latenciesOf, Stopwatch } from './latencies.js'
export { machine, reportOf, reportTitle, versions } from './machine.js'
export { bareLoop, dueNs, openLoop, scheduleOf } from './open-loop.js'
export type { LoopSender, Schedule } from './open-loop.js'
export { changeText, isNoisy, microsecondsText, reportText } from './report-text.js'
export type {
  Breakdown,
  Comparison,
  Latencies,
  Machine,
  Report,
  Result,
  Spread,
  Verdict,
} from './result.js'
export { readSample, sampleMessagesMax, sampleOf, writeSample } from './sample.js'
export type { SampleFile } from './sample.js'
export {
  conclude,
  mergedLatencies,
  noisyWidth,
  pairedShare,
  runsMin,
  spread,
  width,
} from './statistics.js'
export { writeCharts, writeSvgs } from './charts/svg.js'
export { graphAt } from './subject/subject.js'
export { tradesModule, tradesSample } from './trades.js'
export type { Trade } from './trades.js'
export { ways, waySettings } from './subject/ways.js'
export type { Way } from './subject/ways.js'
