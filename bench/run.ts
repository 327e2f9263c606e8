/**
 * `npm run bench [-- --smoke] [-- --json FILE] [-- --only TEXT]`: what each delivery costs on this
 * machine. Each case runs in a process of its own; the cases take turns, round after round, so that a
 * change of the machine's mood meets all of them.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cases, type Case } from './cases.js'
import { sendCases, type SendCase } from './send-cases.js'
import { sendLines, type SendResult } from './send-lines.js'

if (process.argv.includes('--contenders')) {
  await import('./contenders/run.js')
  process.exit()
}
const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    json: { type: 'string' },
    only: { type: 'string', default: '' },
  },
})
const rounds = values.smoke ? 1 : 3
const runs = values.smoke ? 1 : 3
/** Enough for a second or so each. */
const messages = values.smoke
  ? { object: 20_480, raw64: 20_480 }
  : { object: 3 * 2 ** 20, raw64: 16 * 2 ** 20 }

const samples = new Map<Case, number[]>()
for (let round = 0; round < rounds; round++) {
  for (const settings of cases) {
    if (!settings.case.includes(values.only)) continue
    samples.set(settings, [...(samples.get(settings) ?? []), ...measure(settings)])
  }
}
const sends = sendCases
  .filter((settings) => settings.case.includes(values.only))
  .map((settings) => ({ ...settings, ...measureSends(settings) }))
const results = [...samples].map(([settings, rates]) => ({
  ...settings,
  messagesPerSecond: spread(rates),
}))

print()
if (values.json !== undefined) {
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine: machine(), date: new Date().toISOString(), versions: versions(), results, sends }, undefined, 2)}\n`,
  )
}

function measure(settings: Case): number[] {
  return child(
    'throughput.js',
    { settings, runs, messages: messages[settings.message] },
    { SEMEL_BENCH_DELIVERY: settings.delivery, SEMEL_BENCH_MESSAGE: settings.message },
  ) as number[]
}

/** What a script prints that has a directory of its own. */
function child(script: string, told: object, environment: Record<string, string> = {}): unknown {
  const dir = mkdtempSync(join(tmpdir(), 'semel-bench-'))
  try {
    const output = execFileSync(
      process.execPath,
      [
        fileURLToPath(new URL(script, import.meta.url)),
        JSON.stringify({ ...told, dir: join(dir, 'data') }),
      ],
      {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: values.smoke ? 60_000 : 600_000,
      },
    )
    return JSON.parse(output.toString())
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function measureSends(settings: SendCase): SendResult {
  const few = values.smoke ? 20 : 2000
  return child('send.js', {
    settings,
    messages: settings.inFlight === 1 ? few : few * 1000,
  }) as SendResult
}

function spread(rates: readonly number[]): { median: number; min: number; max: number } {
  const sorted = rates.toSorted((a, b) => a - b)
  return {
    median: sorted[Math.floor(sorted.length / 2)] as number,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
  }
}

function machine(): { cpu: string; cores: number; memoryGiB: number; os: string } {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${process.arch}`,
  }
}

function versions(): Record<string, string> {
  const root = new URL('../../../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(root, 'utf8')) as { version: string }
  return { semel: version, node: process.versions.node, v8: process.versions.v8 }
}

function print(): void {
  const { cpu, cores, memoryGiB, os } = machine()
  const date = new Date().toISOString().slice(0, 10)
  const lines = [
    `semel ${versions()['semel']} · node ${process.versions.node} · ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${os} · ${date}`,
    `million messages a second, one sender, one worker: median (min … max) of ${rounds * runs} runs`,
  ]
  for (const message of ['object', 'raw64'] as const) {
    const rows = results.filter((result) => result.message === message)
    if (rows.length === 0) continue
    lines.push('', message === 'object' ? 'objects of 6 fields' : 'raw messages of 64 bytes')
    const first = rows[0]?.messagesPerSecond.median ?? 1
    for (const { delivery, durability, messagesPerSecond } of rows) {
      const { median, min, max } = messagesPerSecond
      const share = `${Math.round((median / first) * 100)} %`
      lines.push(
        `  ${delivery.padEnd(14)} ${durability.padEnd(8)} ${millions(median)}  (${millions(min)} … ${millions(max)})  ${share.padStart(6)}`,
      )
    }
  }
  lines.push(...sendLines(sends))
  process.stdout.write(`${lines.join('\n')}\n`)
}

function millions(rate: number): string {
  return (rate / 1e6).toFixed(2).padStart(6)
}
