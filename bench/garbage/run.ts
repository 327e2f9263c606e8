/**
 * `npm run bench -- --garbage [--messages 2e6] [--json FILE]`: what JavaScript allocates for each
 * message in the sender's thread and in the worker's, beside what decoding allocates by itself.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Delivery } from 'semel'
import { reportOf, reportTitle, runChild } from 'semel/measure'
import type { DecodingTask } from '../child/garbage-decoding.js'
import type { Garbage, GarbageTask } from '../child/garbage.js'
import { columns } from '../columns.js'
import type { Place } from './places.js'

const { values } = parseArgs({
  options: {
    garbage: { type: 'boolean' },
    messages: { type: 'string', default: '2e6' },
    json: { type: 'string' },
  },
})
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

const messages = Number(values.messages)
if (!Number.isSafeInteger(messages) || messages < 1) {
  process.stderr.write(`--messages ${values.messages}: give a whole number, such as 2e6\n`)
  process.exit(2)
}
const timeoutMs = 60_000 + messages / 10
const placesMax = 5
/** A place that allocates less is the profiler's own, or made once for a run. */
const bytesMin = 0.05

const deliveries: readonly Delivery[] = ['at-most-once', 'at-least-once', 'exactly-once']

interface Case {
  readonly who: string
  /** All in bytes a message. */
  readonly all: number
  readonly decoding: number
  readonly places: readonly Place[]
}

const decoding = (await runChild(
  new URL('../child/garbage-decoding.js', import.meta.url),
  { messages } satisfies DecodingTask,
  { timeoutMs },
)) as readonly Place[]
const decoded = sum(perMessage(decoding))
const cases: Case[] = [caseOf('decoding an object', decoding, decoded)]
for (const isRaw of [false, true]) {
  for (const delivery of deliveries) {
    const task: GarbageTask = { isRaw, delivery, messages }
    const script = new URL('../child/garbage.js', import.meta.url)
    const { sender, worker } = (await runChild(script, task, { timeoutMs })) as Garbage
    const name = `${isRaw ? 'raw' : 'object'} ${delivery}`
    cases.push(caseOf(`${name}, sender`, sender, 0))
    cases.push(caseOf(`${name}, worker`, worker, isRaw ? 0 : decoded))
  }
}

const { results: _, ...about } = reportOf([])
const head = ['bytes a message', 'in all', 'decoding', 'beyond']
const rows = cases.map(({ who, all, decoding: own }) => [
  who,
  all.toFixed(1),
  own.toFixed(1),
  (all - own).toFixed(1),
])
process.stdout.write(`${reportTitle({ ...about, results: [] })}\n\n${columns([head, ...rows])}\n`)
for (const { who, places } of cases) {
  const told = places.slice(0, placesMax).filter(({ bytes }) => bytes >= bytesMin)
  process.stdout.write(`${who}\n`)
  for (const { name, bytes } of told) {
    process.stdout.write(`  ${bytes.toFixed(1).padStart(6)}  ${name}\n`)
  }
}
if (values.json !== undefined) {
  const json = { ...about, messages, cases }
  writeFileSync(values.json, `${JSON.stringify(json, undefined, 2)}\n`)
}

function caseOf(who: string, places: readonly Place[], own: number): Case {
  const each = perMessage(places)
  return { who, all: sum(each), decoding: own, places: each }
}

function perMessage(places: readonly Place[]): Place[] {
  return places.map(({ name, bytes }) => ({ name, bytes: bytes / messages }))
}

function sum(places: readonly Place[]): number {
  return places.reduce((all, { bytes }) => all + bytes, 0)
}
