/**
 * `npm run bench [-- --smoke] [-- --only TEXT] [-- --json FILE] [-- --html FILE] [-- --svg DIR]`: what
 * each guarantee costs on this machine, and where it goes. Each case runs in a process of its own, and
 * the cases of a suite take turns.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  reportHtml,
  reportOf,
  reportText,
  runJobs,
  writeSample,
  writeSvgs,
  type Job,
  type Result,
  type SampleFile,
} from 'semel/measure'
import { suites } from './suites/all.js'
import type { Setting } from './suites/suite.js'

/** Programs of their own. */
const others: Readonly<Record<string, string>> = {
  '--contenders': './contenders/run.js',
  '--long': './long-run/run.js',
  '--garbage': './garbage/run.js',
}
const other = process.argv.find((word) => Object.hasOwn(others, word))
if (other !== undefined) {
  await import(others[other] as string)
  process.exit()
}
const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    /** Only cases, or suites, whose name contains it. */
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    html: { type: 'string' },
    svg: { type: 'string' },
  },
})
const { smoke: isSmoke, only } = values
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const samples = new Map<string, SampleFile>()
const setting: Setting = {
  isSmoke,
  pace: isSmoke ? 0.02 : 1,
  sample(name, messages) {
    let sample = samples.get(name)
    if (sample === undefined) {
      sample = writeSample(messages())
      samples.set(name, sample)
    }
    return sample.path
  },
}

const results: Result[] = []
for (const suite of suites) {
  const all = await suite.jobs(setting)
  const isWhole = suite.name.includes(only)
  const jobs = isSmoke ? ends(all) : all
  const wanted = jobs.filter(({ result }) => isWhole || result.case.includes(only))
  const measured = await runJobs(wanted, {
    rounds: isSmoke ? 1 : (suite.rounds ?? 1),
    onProgress: (done, of, next) => tell(`${suite.name}: ${done + 1} of ${of}: ${next}`),
  })
  tell('')
  const own = measured.map((result) => ({ suite: suite.name, ...result }))
  const more = isWhole ? (suite.conclude?.(setting, own, results) ?? []) : []
  results.push(...own, ...more.map((result) => ({ suite: suite.name, ...result })))
}
for (const sample of samples.values()) sample.remove()

const report = reportOf(results)
process.stdout.write(reportText(report))
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
}
if (values.html !== undefined) writeFileSync(values.html, reportHtml(report, 'What semel costs'))
if (values.svg !== undefined) await writeSvgs(report, values.svg)
// Native programs are built apart, by npm run build:bench.
if (isSmoke && results.some(({ missing }) => missing?.includes('build:bench') === false)) {
  process.exitCode = 1
}

/** The first and the last: enough to see that the machinery works. */
function ends(jobs: readonly Job[]): Job[] {
  return jobs.filter((_, i) => i === 0 || i === jobs.length - 1)
}

/** One line on a terminal. */
function tell(text: string): void {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns || 80) - 1)}`)
  }
}
