import { join } from 'node:path'
import type { Campaign, CampaignOptions, CampaignResult, Caught, Row } from './campaign.js'
import { runCase, type CaseResult } from './case.js'
import { allDatabasePoints, allPoints, allUpstreamPoints, type Point } from './points.js'
import { KeptCases } from './kept-cases.js'
import { planCase, type Plan } from './plan.js'
import { fitsOf, plant, type PlantedInRuntime } from './planted.js'
import { inLanes } from './lanes.js'
import { levelOf, nameOf } from './setting.js'
import { shortfalls, trafficOf } from './traffic.js'

/** Findings of one case that are printed. */
const shownMax = 6

/** Kills children at random moments and at fault points, and judges what is left from the sink. */
export const killCampaign: Campaign = { option: 'kills', run: runKills }

async function runKills(kills: number, options: CampaignOptions): Promise<CampaignResult> {
  const points = allPoints()
  const upstream = allUpstreamPoints()
  const database = allDatabasePoints()
  const all = [...points, ...upstream, ...database]
  const plans = options.caseId === undefined ? untilKills(kills) : [planOf(options.caseId)]
  const kept = new KeptCases(options.kept, options.seed)
  const results = kept.load()
  const done = new Set(results.map(({ plan }) => plan.id))
  const progress = new Progress(kills)
  await inLanes(options.lanes, plans, async (plan) => {
    if (done.has(plan.id)) return
    const dir = join(options.dir, `case-${plan.id}`)
    const result = await runCase(plan, dir, { seed: options.seed })
    results.push(result)
    kept.add(result)
    progress.show(results)
    for (const failure of describeFailure(result, options.seed)) console.error(failure)
  })
  progress.end()
  const traffic = trafficOf(results)
  const failures = results.flatMap((result) => describeFailure(result, options.seed))
  if (options.caseId === undefined && options.only.length === 0) {
    failures.push(...shortfalls(traffic, [...points, ...upstream], database))
  }
  return { rows: rowsOf(results), notes: notesOf(traffic, all), failures }

  function planOf(id: number): Plan {
    return planCase(options.seed, id, points, upstream, database)
  }

  /** Cases by number, until there are as many kills in them. */
  function* untilKills(wanted: number): Generator<Plan> {
    // Where a plan's kill comes after its child's end, another case makes up for it.
    let planned = 0
    for (let id = 0; planned < wanted || trafficOf(results).kills < wanted; id++) {
      const plan = planOf(id)
      const name = nameOf(plan.setting)
      if (options.only.length > 0 && !options.only.some((text) => name.includes(text))) continue
      planned += plan.ends.length
      yield plan
    }
  }
}

/** Runs cases with a bug of the runtime planted, of those that it can bite in, until a check sees it. */
export async function plantedInRuntimeRun(
  bug: PlantedInRuntime,
  budget: number,
  options: CampaignOptions,
): Promise<Caught> {
  const takeAway = plant(bug)
  try {
    return await plantedRun(bug.name, budget, options, bug)
  } finally {
    takeAway()
  }
}

/**
 * Runs cases with a bug planted until a check sees it.
 * @param budget the most kills
 * @param inRuntime the bug, where it is one of the runtime
 */
export async function plantedRun(
  bug: string,
  budget: number,
  options: CampaignOptions,
  inRuntime?: PlantedInRuntime,
): Promise<Caught> {
  const points = allPoints()
  const upstream = allUpstreamPoints()
  const database = allDatabasePoints()
  const { seed } = options
  const how = inRuntime === undefined ? { seed, planted: bug } : { seed, build: 'planted' as const }
  const fits = inRuntime?.fits ?? fitsOf(bug)
  const began = performance.now()
  let kills = 0
  let cases = 0
  let caught: { check: string; text: string } | undefined
  function* untilCaught(): Generator<Plan> {
    for (let id = 0; isHidden(); id++) {
      const plan = planCase(seed, id, points, upstream, database)
      if (fits(plan.setting)) yield plan
    }
  }
  function isHidden(): boolean {
    return kills < budget && caught === undefined
  }
  await inLanes(options.lanes, untilCaught(), async (plan) => {
    const dir = join(options.dir, bug, `case-${plan.id}`)
    const result = await runCase(plan, dir, how)
    kills += result.kills
    cases += 1
    caught ??= result.findings[0]
  })
  const seconds = (performance.now() - began) / 1000
  return { bug, check: caught?.check, detail: caught?.text ?? '', cases, kills, seconds }
}

function rowsOf(results: readonly CaseResult[]): Row[] {
  return [...grouped(results)].map(([fault, group]) => {
    const sum = (of: (result: CaseResult) => number): number =>
      group.reduce((total, result) => total + of(result), 0)
    const found = (check?: string): number =>
      sum(({ findings }) => findings.filter((one) => one.check === check).length)
    const all = sum(({ findings }) => findings.length)
    const [lost, twice, outOfOrder] = [found('lost'), found('twice'), found('out of order')]
    return {
      fault,
      cases: group.length,
      acknowledged: sum((result) => result.acknowledged),
      lost,
      twice,
      outOfOrder,
      other: all - lost - twice - outOfOrder,
      unknown: sum((result) => result.unknown),
      repeated: sum((result) => result.repeated),
      seconds: sum((result) => result.seconds),
    }
  })
}

function grouped(results: readonly CaseResult[]): Map<string, CaseResult[]> {
  const groups = new Map<string, CaseResult[]>()
  for (const result of results) {
    const { setting } = result.plan
    const name = `kill -9, ${setting.delivery}, ${levelOf(setting)}`
    groups.set(name, [...(groups.get(name) ?? []), result])
  }
  return new Map([...groups].toSorted(([a], [b]) => a.localeCompare(b)))
}

function notesOf(traffic: ReturnType<typeof trafficOf>, points: readonly Point[]): string[] {
  const { kills, hits, redelivered, parked, deadLettered, rotations, refused } = traffic
  const atPoints = [...hits.values()].reduce((sum, count) => sum + count, 0)
  const missed = points.filter(({ name }) => !hits.has(name)).map(({ name }) => name)
  return [
    `${kills} kills met a running child, ${atPoints} of them at ${hits.size} of ${points.length} fault points`,
    ...(missed.length > 0 ? [`no child ended at ${missed.join(', ')}`] : []),
    `${redelivered} messages in flight and ${parked} parked at reopenings, ${deadLettered} dead letters, ${rotations} rotations of ack logs, ${refused} older directories refused`,
    `points: ${[...hits]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `${name} ×${count}`)
      .join(', ')}`,
  ]
}

function describeFailure({ plan, dir, findings }: CaseResult, seed: string): string[] {
  if (findings.length === 0) return []
  const shown = findings.slice(0, shownMax).map(({ check, text }) => `  ${check}: ${text}`)
  const more = findings.length - shown.length
  return [
    [
      `case ${plan.id}: ${nameOf(plan.setting)}`,
      ...shown,
      ...(more > 0 ? [`  and ${more} more`] : []),
      `  its directory: ${dir}`,
      `  again: npm run faults -- --kills 1 --case ${plan.id} --seed ${seed}`,
    ].join('\n'),
  ]
}

/** One line on a terminal, rewritten. */
class Progress {
  readonly #wanted: number
  readonly #began = performance.now()

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  show(results: readonly CaseResult[]): void {
    if (!process.stderr.isTTY) return
    const kills = results.reduce((sum, result) => sum + result.kills, 0)
    const wrong = results.filter(({ findings }) => findings.length > 0).length
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(0)
    process.stderr.write(`\r${kills} of ${this.#wanted} kills, ${wrong} cases wrong, ${seconds} s `)
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\n')
  }
}
