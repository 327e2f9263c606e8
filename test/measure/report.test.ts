import { readdirSync, readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { chartsOf } from '../../src/measure/charts/charts.js'
import { echartsScript, loadECharts } from '../../src/measure/charts/echarts.js'
import { reportHtml } from '../../src/measure/charts/html.js'
import { reportText } from '../../src/measure/report-text.js'
import type { Report, Result } from '../../src/measure/result.js'
import { writeSvgs } from '../../src/measure/charts/svg.js'

const of = (median: number) => ({ median, min: 0.9 * median, max: 1.1 * median })
const latencies = { p50: 2.5, p90: 10, p99: 120, p999: 1234.5, max: 56_789 }

const results: Result[] = [
  {
    case: 'object at-most-once memory pushed',
    delivery: 'at-most-once',
    durability: 'memory',
    message: 'object',
    runs: 3,
    messagesPerSecond: of(2_500_000),
    stages: {
      wall: 400,
      sender: { append: 25.4, rest: 374.6 },
      worker: { poll: 6.25, index: 0, handle: 120, commit: 3.04, log: 0, rest: 270.71 },
    },
  },
  {
    case: 'object exactly-once disk pushed',
    delivery: 'exactly-once',
    durability: 'disk',
    message: 'object',
    runs: 3,
    messagesPerSecond: { median: 2_000_000, min: 900_000, max: 2_100_000 },
    against: {
      to: 'object at-most-once memory pushed',
      share: { median: 0.8, min: 0.7, max: 0.9 },
      verdict: 'slower',
    },
    note: 'filtered 1.5 %',
  },
  {
    case: 'object exactly-once disk stored at 10,000/s',
    delivery: 'exactly-once',
    acknowledge: 'stored',
    durability: 'disk',
    message: 'object',
    rate: 10_000,
    latencyUs: latencies,
    acknowledgedUs: latencies,
    stallsUs: latencies,
  },
  { case: 'a peer </script>', missing: 'it is not installed: apt-get install peer' },
]
const report: Report = {
  machine: { cpu: 'A & B', cores: 2, memoryGiB: 24, os: 'linux 6 x64' },
  date: '2026-11-21T10:11:12.000Z',
  versions: { semel: '0.1.0', node: '20.20.2' },
  results,
}

it('a report says what was measured on what, with runs, spread, and what is too noisy', () => {
  expect(reportText(report)).toBe(
    `semel 0.1.0, node 20.20.2 · A & B, 2 cores, 24 GiB, linux 6 x64 · 2026-11-21 10:11 UTC

  median of 3 runs                   messages/s              min … max   against at-most-once
  object at-most-once memory pushed   2,500,000  2,250,000 … 2,750,000
  object exactly-once disk pushed     2,000,000    900,000 … 2,100,000  -20 % (-30 % … -10 %)  slower in every run

  nanoseconds a message                    sender:        worker:
                                     wall   append  rest     poll  index  handle  commit  log  rest
  object at-most-once memory pushed   400       25   375      6.3            120     3.0        271
  rest: the sender's encoding and its waiting for room; the worker's waiting, and its loop
  handle: decoding, operators, sink; blank: there is no such stage

  microseconds from when it was due            p50   p90  p99  p99.9     max
  object exactly-once disk stored at 10,000/s
    until the handler has it                   2.5  10.0  120  1,235  56,789
    until the sender is told                   2.5  10.0  120  1,235  56,789
    a bare loop, late                          2.5  10.0  120  1,235  56,789

  not measured: a peer </script>: it is not installed: apt-get install peer

  object exactly-once disk pushed: filtered 1.5 %

too noisy to conclude from: the runs of 1 of 4 cases lie more than 50 % of their median apart; measure again on a quieter machine, or with more --runs
`,
  )
})

describe('a page', () => {
  const html = reportHtml(report, 'What it <costs>')
  const library = echartsScript()

  it('needs nothing from outside of itself', () => {
    const own = html.replace(library, '')
    expect(own.length).toBeLessThan(html.length / 10)
    expect(own).not.toMatch(/https?:|<link|<img|<iframe|@import|url\(|\bsrc=|\bhref=|import\(/)
  })

  it('has the library, the charts and the figures in it', () => {
    expect(html).toContain(library.slice(0, 1000))
    expect(html.match(/<div id="chart-/g)).toHaveLength(4)
    expect(html).toContain('What it &lt;costs&gt;')
    const json = /<script type="application\/json" id="report">(?<json>.*)<\/script>/.exec(html)
    expect(JSON.parse(json?.groups?.['json'] as string)).toEqual(report)
  })

  it('has scripts that a browser can read, whatever is in the figures', () => {
    const scripts = [...html.matchAll(/<script>(?<code>[\s\S]*?)<\/script>/g)]
    expect(scripts).toHaveLength(2)
    for (const { groups } of scripts) {
      expect(() => new Function(groups?.['code'] as string)).not.toThrow()
    }
  })
})

describe('pictures', () => {
  const folder = mkdtempSync(join(tmpdir(), 'semel-svg-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('are well-formed, have a title and say what was measured on what', async () => {
    const paths = await writeSvgs(report, folder)
    expect(readdirSync(folder).toSorted()).toEqual([
      'acknowledged-stored-at-10000-s.svg',
      'cost.svg',
      'handled-stored-at-10000-s.svg',
      'throughput.svg',
    ])
    for (const path of paths) {
      const svg = readFileSync(path, 'utf8')
      expectWellFormed(svg)
      expect(svg).toContain('A &amp; B, 2 cores')
      expect(svg.replaceAll(/xmlns(:xlink)?="[^"]*"/g, '')).not.toMatch(/https?:/)
    }
    const throughput = readFileSync(join(folder, 'throughput.svg'), 'utf8')
    expect(throughput).toContain('messages a second, median and range of 3 runs')
  })
})

const at = (label: string, rate: number): Result => ({
  ...(results[2] as Result),
  suite: 'waiting',
  label,
  rate,
})

it('a chart has each case of its suite, and each rate', () => {
  const charts = chartsOf({ ...report, results: [at('spin', 1), at('park', 1), at('spin', 9)] })
  const names = charts.map(({ name, option }) => [
    name,
    ...new Set(option.series.map((series) => series['name'])),
  ])
  const bare = 'a bare loop, late'
  const [spin, park] = ['exactly-once disk, spin', 'exactly-once disk, park']
  expect(names.slice(0, 2)).toEqual([
    ['waiting-handled-stored-at-1-s', spin, park, bare],
    ['waiting-handled-stored-at-9-s', spin, bare],
  ])
  expect(names.at(-1)).toEqual([
    'waiting-acknowledged-stored-by-rate',
    `${spin} p50`,
    `${spin} p99`,
    `${park} p50`,
    `${park} p99`,
  ])
})

it('charts without their library say what to install', async () => {
  const missing = {
    code: 'SEMEL_MISSING_PEER',
    message: expect.stringContaining('npm install echarts'),
  }
  await expect(loadECharts('no-such-package')).rejects.toMatchObject(missing)
  expect(() => echartsScript('no-such-package/x.js')).toThrow(expect.objectContaining(missing))
})

/** Every element is closed, in order, and every attribute is quoted. */
function expectWellFormed(xml: string): void {
  const open: string[] = []
  const rest = xml
    .replaceAll(/<!\[CDATA\[[\s\S]*?\]\]>/g, '')
    .replaceAll(
      /<(\/?)([a-zA-Z]\w*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
      (_, closing: string, name: string, __, selfClosing: string) => {
        if (closing !== '') expect(open.pop()).toBe(name)
        else if (selfClosing === '') open.push(name)
        return ''
      },
    )
  expect(open).toEqual([])
  expect(rest).not.toMatch(/[<>]/)
  expect(rest).not.toMatch(/&(?!(?:amp|lt|gt|quot|#\d+|#x[\da-f]+);)/i)
}
