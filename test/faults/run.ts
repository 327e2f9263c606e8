// npm run faults -- --kills 300 --power-loss 20000 --seed 1
//
//   --kills N       so many kills -9 of running pipelines
//   --power-loss N  so many images of what a power loss leaves, on a simulated disk
//   --deaths N      the same, of what the death of the process leaves
//   --damage N      so many damaged directories
//   --failed-syncs N  so many streams with a sync that fails
//   --connectors postgres  kills over PostgreSQL in the stead of these, on a server of its own; so many as
//                   --kills (of semel; 1000 unless given), --server-kills (200) and --failovers (50) say
//   --planted       plants every bug that the faults build has, and those of the runtime (planted.ts),
//                   and tells which check sees it
//   --bug NAME      only this one (several times: several)
//   --budget N      kills that a planted bug may stay hidden for; 200 unless given
//   --seed S        all choices come from it; without, a fresh one is drawn and printed
//   --lanes N       cases side by side; 2 unless given
//   --dir DIR       where the cases are run; the system's temporary folder unless given
//   --json FILE     writes the results there as well
//   --keep FILE     keeps the results of kills there; the same command goes on from them
//   --only TEXT     only cases whose setting's name holds the text (several times: one of several)
//   --case N        only the case of this number
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Campaign, CampaignOptions, CampaignResult, Caught, Row } from './campaign.js'
import { killCampaign, plantedInRuntimeRun, plantedRun } from './kills.js'
import { isOverDatabase, plantedInRuntime } from './planted.js'
import { runPostgres } from './postgres/campaign.js'
import { plantable, plantedSimulation, simulated } from './simulated.js'
import { tableOf } from './table.js'

/** Each is asked for by its option. */
const campaigns: readonly Campaign[] = [
  ...['power-loss', 'deaths', 'damage', 'failed-syncs'].map(simulated),
  killCampaign,
]

const titles = [
  'fault',
  'cases',
  'acknowledged',
  'lost',
  'twice',
  'out of order',
  'other',
  'unknown',
  'repeated',
  'seconds',
]

const { values } = parseArgs({
  options: {
    kills: { type: 'string' },
    'power-loss': { type: 'string' },
    deaths: { type: 'string' },
    damage: { type: 'string' },
    'failed-syncs': { type: 'string' },
    connectors: { type: 'string' },
    'server-kills': { type: 'string', default: '200' },
    failovers: { type: 'string', default: '50' },
    planted: { type: 'boolean', default: false },
    bug: { type: 'string', multiple: true, default: [] },
    budget: { type: 'string', default: '200' },
    seed: { type: 'string' },
    lanes: { type: 'string', default: '2' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    case: { type: 'string' },
    keep: { type: 'string' },
  },
})

mkdirSync(values.dir, { recursive: true })
const dir = mkdtempSync(join(values.dir, 'semel-faults-'))
const options: CampaignOptions = {
  seed: values.seed ?? randomBytes(4).toString('hex'),
  lanes: wholeNumber('lanes', values.lanes),
  dir,
  only: values.only,
  caseId: values.case === undefined ? undefined : wholeNumber('case', values.case),
  kept: values.keep,
}
console.log(`seed ${options.seed}`)

const results: CampaignResult[] = []
for (const { option, run } of campaigns) {
  const amount = (values as Record<string, unknown>)[option]
  if (typeof amount !== 'string') continue
  if (option === killCampaign.option && values.connectors !== undefined) continue
  results.push(await run(wholeNumber(option, amount), options))
}
if (values.connectors !== undefined) {
  const { connectors, kills = '1000', 'server-kills': serverKills, failovers } = values
  if (connectors !== 'postgres') throw new Error(`--connectors: there is no ${connectors}`)
  const amounts = {
    kills: wholeNumber('kills', kills),
    serverKills: wholeNumber('server-kills', serverKills),
    failovers: wholeNumber('failovers', failovers),
  }
  results.push(await runPostgres(amounts, options))
}
const planted: Caught[] = []
const ofRuntime = plantedInRuntime.map(({ name }) => name)
const bugs = values.planted ? [...(await plantable()).keys(), ...ofRuntime] : values.bug
for (const bug of bugs) {
  const caught = await catchBug(bug)
  planted.push(caught)
  const { check, cases, kills, detail } = caught
  const how = check === undefined ? 'not caught' : `caught by "${check}"`
  console.log(`${bug}: ${how} after ${cases} cases, ${kills} kills${detail && `: ${detail}`}`)
}

const rows = results.flatMap((result) => result.rows)
const failures = results.flatMap((result) => result.failures)
if (rows.length > 0) console.log(`\n${tableOf([titles, ...rows.map(cellsOf)])}\n`)
for (const note of results.flatMap((result) => result.notes)) console.log(note)
for (const failure of failures) console.log(`\n${failure}`)
if (values.json !== undefined) {
  const { seed } = options
  writeFileSync(values.json, `${JSON.stringify({ seed, rows, failures, planted }, undefined, 2)}\n`)
}
try {
  rmdirSync(dir)
} catch {
  // It holds what has failed.
}
process.exitCode =
  failures.length === 0 && planted.every(({ check }) => check !== undefined) ? 0 : 1

async function catchBug(bug: string): Promise<Caught> {
  const budget = wholeNumber('budget', values.budget)
  const inRuntime = plantedInRuntime.find(({ name }) => name === bug)
  if (inRuntime !== undefined) return plantedInRuntimeRun(inRuntime, budget, options)
  // No simulated disk has a database.
  if (isOverDatabase(bug)) return plantedRun(bug, budget, options)
  // The simulated disk first: it is a thousand times as quick.
  const seen = await plantedSimulation(bug, options)
  if (seen.check !== undefined) return seen
  const killed = await plantedRun(bug, budget, options)
  return { ...killed, cases: seen.cases + killed.cases }
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new Error(`--${name}: ${text} is no whole number`)
}

function cellsOf(row: Row): (string | number)[] {
  const { fault, cases, acknowledged, lost, twice, outOfOrder, other, unknown, repeated } = row
  return [
    fault,
    cases,
    acknowledged,
    lost,
    twice,
    outOfOrder,
    other,
    unknown,
    repeated,
    Math.round(row.seconds),
  ]
}
