/**
 * `npm run bench -- --contenders [--only NAME] [--smoke] [--json FILE] [--html FILE] [--svg DIR]`: semel
 * beside what is used in its place. Each run is a process of its own, with a server of its own where one
 * is needed; contenders take turns, round after round, so that a change of the machine's mood meets all
 * of them. What is not installed is named together with the command that installs it.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { reportHtml, writeSvgs } from 'semel/measure'
import { missingOf, versionsOf } from './availability.js'
import type { Contender } from './contender.js'
import { contenders } from './registry.js'
import { reportOf, spread, type Result } from './report.js'
import { tableOf } from './table.js'
import { abandon, turn } from './turn.js'

const { values } = parseArgs({
  options: {
    contenders: { type: 'boolean' },
    only: { type: 'string', default: '' },
    smoke: { type: 'boolean', default: false },
    json: { type: 'string' },
    html: { type: 'string' },
    svg: { type: 'string' },
  },
})
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code))
}
process.once('exit', abandon)

const rounds = values.smoke ? 1 : 3
const wanted = values.only.toLowerCase()
const asked = contenders.filter(({ name }) => name.toLowerCase().includes(wanted))
if (asked.length === 0) {
  const names = contenders.map(({ name }) => name).join(' | ')
  process.stderr.write(`--only ${values.only} is no contender's name. There are: ${names}\n`)
  process.exit(2)
}
const present = asked.filter((contender) => missingOf(contender) === undefined)
const rates = new Map<Contender, number[]>()
const failures = new Map<Contender, string>()
for (let round = 1; round <= rounds; round++) {
  for (const contender of present) {
    if (!failures.has(contender)) await take(contender, round)
  }
}

const report = reportOf(asked.map(resultOf), versionsOf(present))
process.stdout.write(`${tableOf(report).join('\n')}\n`)
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
}
if (values.html !== undefined) {
  writeFileSync(values.html, reportHtml(report, 'semel beside what is used in its place'))
}
if (values.svg !== undefined) await writeSvgs(report, values.svg)
process.exitCode = failures.size > 0 ? 1 : 0

async function take(contender: Contender, round: number): Promise<void> {
  process.stderr.write(`round ${round} of ${rounds}: ${contender.name} … `)
  try {
    const { messages, seconds } = await turn(contender, values.smoke)
    rates.set(contender, [...(rates.get(contender) ?? []), messages / seconds])
    process.stderr.write(`${Math.round(messages / seconds).toLocaleString('en-US')}/s\n`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    failures.set(contender, reason)
    process.stderr.write(`failed: ${reason}\n`)
  }
}

function resultOf(contender: Contender): Result {
  const { name, system, delivery, durability, settings } = contender
  const missing = missingOf(contender)
  const failed = failures.get(contender)
  const runs = rates.get(contender) ?? []
  return {
    case: name,
    suite: 'contenders',
    delivery,
    acknowledge: 'batched',
    durability,
    message: 'object',
    contender: system,
    settings,
    ...(missing === undefined ? {} : { missing }),
    ...(failed === undefined ? {} : { failed }),
    // Where one run failed, what the others gave is no result.
    ...(failed === undefined && runs.length > 0
      ? { runs: runs.length, messagesPerSecond: spread(runs) }
      : {}),
  }
}
