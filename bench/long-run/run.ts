/**
 * `npm run bench -- --long [--messages 1e9] [--ids N] [--smoke] [--json FILE] [--svg DIR]`: whether
 * memory stays what it is however many messages go through. One process, sampled two hundred times; exit
 * code 1 where it grew.
 *
 * Ids are known for a second, so that the index grows and shrinks with the rate. With `--ids`, fewer than
 * come in a second, the window is shortened to so many, and the index is as large at any rate.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { reportOf, reportTitle, runChild, signed, writeCharts } from 'semel/measure'
import type { LongRunTask } from '../child/long-run.js'
import { chartOf } from './chart.js'
import type { State } from './state.js'
import { tableOf, verdictText } from './table.js'
import { verdictOf } from './verdict.js'

const statesMax = 200
const framesPerBlock = 512
/** A child that brings fewer hangs. */
const perSecondMin = 100_000
const lookMs = 500

const { values } = parseArgs({
  options: {
    long: { type: 'boolean' },
    messages: { type: 'string', default: '1e9' },
    ids: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    json: { type: 'string' },
    svg: { type: 'string' },
  },
})
const messages = values.smoke ? 1e6 : Number(values.messages)
if (!Number.isSafeInteger(messages) || messages < statesMax * framesPerBlock) {
  process.stderr.write(
    `--messages ${values.messages}: give a whole number from ${statesMax * framesPerBlock} on, such as 1e9\n`,
  )
  process.exit(2)
}
const ids = values.ids === undefined ? undefined : Number(values.ids)
if (ids !== undefined && !(Number.isSafeInteger(ids) && ids >= framesPerBlock)) {
  process.stderr.write(
    `--ids ${values.ids}: give a whole number from ${framesPerBlock} on, such as 4e6\n`,
  )
  process.exit(2)
}
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code))
}

const scratch = mkdtempSync(join(tmpdir(), 'semel-long-run-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
const path = join(scratch, 'states')
const every = messages / statesMax
const task: LongRunTask = { messages, framesPerBlock, every, ids, states: path }
let told = 0
const progress = setInterval(tell, lookMs)
await runChild(new URL('../child/long-run.js', import.meta.url), task, {
  timeoutMs: 60_000 + (1000 * messages) / perSecondMin,
}).finally(() => clearInterval(progress))

const states = statesSoFar()
const verdict = verdictOf(states)
const { results: _, ...about } = reportOf([])
const title = reportTitle({ ...about, results: [] })
process.stdout.write(`${title}\n\n${tableOf(states)}${verdictText(verdict)}`)
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ ...about, verdict, states }, undefined, 2)}\n`)
}
if (values.svg !== undefined) await writeCharts([signed(chartOf(states), title)], values.svg)
process.exitCode = verdict.kind === 'grew' ? 1 : 0

/** A line for each tenth. */
function tell(): void {
  const state = statesSoFar().at(-1)
  if (state === undefined || state.messages < told + messages / 10) return
  told = state.messages
  const share = Math.floor((100 * told) / messages)
  process.stderr.write(
    `${share} %: ${(state.messagesPerSecond / 1e6).toFixed(2)} M/s, ${Math.round(state.resident / 2 ** 20)} MiB\n`,
  )
}

/** The child writes a line for each; the last one may not be whole yet. */
function statesSoFar(): State[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as State)
}
