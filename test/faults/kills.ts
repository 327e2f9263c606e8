import { join } from 'node:path'
import type { Campaign, CampaignOptions, CampaignResult, Caught } from './campaign.js'
import { runCase } from './case.js'
import { allDatabasePoints, allPoints, allUpstreamPoints } from './points.js'
import { KeptCases } from './kept-cases.js'
import { describeFailure, notesOf, Progress, rowsOf } from './kills-report.js'
import { planCase, type Plan } from './plan.js'
import { fitsOf, plant, type PlantedInRuntime } from './planted.js'
import { inLanes } from './lanes.js'
import { nameOf } from './setting.js'
import { shortfalls, trafficOf } from './traffic.js'

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
