import { join } from 'node:path'
import { hasServer, Server } from '../../connectors/postgres/server.js'
import type { CampaignOptions, CampaignResult } from '../campaign.js'
import { runCase, type CaseResult } from '../case.js'
import { describeFailure, notesOf, Progress, rowsOf } from '../kills-report.js'
import { inLanes } from '../lanes.js'
import type { Plan } from '../plan.js'
import { allDatabasePoints } from '../points.js'
import { Random } from '../random.js'
import { nameOf } from '../setting.js'
import { trafficOf, type Traffic } from '../traffic.js'
import { runLostCommits } from './lost-commits.js'
import { Pair } from './pair.js'
import { pause } from './pause.js'
import { postgresPoints, planPostgresCase } from './plan.js'
import { PostgresDatabase, type Hosting, type PostgresCase } from './postgres-database.js'
import { cuts, type Cut } from './proxy.js'

/** How much of each fault is wanted. */
export interface PostgresAmounts {
  /** Of semel. */
  readonly kills: number
  readonly serverKills: number
  readonly failovers: number
}

/** A child has servers to wait for, and to look for rows at fault by many round trips. */
const limitMs = 180_000
/** Of the cases in which the server fails over, one in so many has a standby that lags. */
const laggingEvery = 4
/** From so many kills on each point of a commit and each cut is expected. */
const killsForEachKind = 300
/** Of lives, where there is a standby. */
const failoverShare = 0.6

/**
 * Over a PostgreSQL server: semel is killed and its connections are cut around commits; then the server
 * is killed besides; then a standby takes over. Judged from the tables alone.
 */
export async function runPostgres(
  amounts: PostgresAmounts,
  options: CampaignOptions,
): Promise<CampaignResult> {
  if (!hasServer) throw new Error('PostgreSQL is not installed: apt-get install postgresql')
  // Its servers end with it, by whichever signal.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const campaign = new PostgresCampaign(amounts, options)
  await campaign.run()
  return campaign.result()
}

class PostgresCampaign {
  readonly #amounts: PostgresAmounts
  readonly #options: CampaignOptions
  readonly #results: { readonly fault: string; readonly result: CaseResult }[] = []
  readonly #failures: string[] = []
  readonly #cuts = new Map<Cut, number>()
  readonly #progress: Progress
  #serverKills = 0
  #failovers = 0
  #lagging = 0

  constructor(amounts: PostgresAmounts, options: CampaignOptions) {
    this.#amounts = amounts
    this.#options = options
    this.#progress = new Progress(amounts.kills)
  }

  async run(): Promise<void> {
    const { kills, serverKills, failovers } = this.#amounts
    if (kills + serverKills > 0) {
      const server = await Server.start({ max_connections: '100' })
      try {
        await this.#runKills(server, kills)
        await this.#runServerKills(server, serverKills)
      } finally {
        await server.dispose()
      }
    }
    await this.#runFailovers(failovers)
    this.#progress.end()
  }

  result(): CampaignResult {
    const results = this.#results.map(({ result }) => result)
    const traffic = trafficOf(results)
    const faults = new Map(this.#results.map(({ fault, result }) => [result, fault]))
    const made = [...this.#cuts].map(([cut, times]) => `${cut} ×${times}`)
    return {
      rows: rowsOf(results, (result) => faults.get(result) as string),
      notes: [
        `PostgreSQL: ${this.#serverKills} kills of the server, ${this.#failovers} failovers, ${this.#lagging} of them to a standby that may lag`,
        `connections cut around a commit: ${made.join(', ') || 'none'}`,
        ...notesOf(traffic, postgresPoints),
      ],
      failures: [...this.#failures, ...this.#shortfalls(traffic)],
    }
  }

  /** Why a long run is not worth its name; empty where it is. */
  #shortfalls({ kills, hits }: Traffic): string[] {
    const { caseId, only } = this.#options
    if (kills < killsForEachKind || caseId !== undefined || only.length > 0) return []
    const points = allDatabasePoints().filter(({ name }) => !hits.has(name))
    const missed = [
      ...points.map(({ name }) => name),
      ...cuts.filter((cut) => !this.#cuts.has(cut)),
    ]
    return missed.length === 0 ? [] : [`nothing ended at, or was cut: ${missed.join(', ')}`]
  }

  async #runKills(server: Server, wanted: number): Promise<void> {
    const seed = `${this.#options.seed} kills`
    await this.#inLanes(
      this.#plans(seed, () => this.#kills < wanted),
      (plan, dir) => this.#overServer(server, seed, plan, dir),
      { fault: 'kill -9 of semel', again: '--kills 1 --server-kills 0 --failovers 0' },
    )
  }

  /** Kills the server again and again while cases run, which are killed as well. */
  async #runServerKills(server: Server, wanted: number): Promise<void> {
    const seed = `${this.#options.seed} server`
    const random = new Random(seed)
    let isOver = wanted === 0
    const killing = async (): Promise<void> => {
      for (; this.#serverKills < wanted; this.#serverKills += 1) {
        await pause(random.between(200, 1500))
        await server.kill()
        await pause(random.below(300))
        await server.run({ max_connections: '100' })
      }
      isOver = true
    }
    await Promise.all([
      killing(),
      this.#inLanes(
        this.#plans(seed, () => !isOver),
        (plan, dir) => this.#overServer(server, seed, plan, dir),
        { fault: 'kill -9 of both', again: '--kills 0 --server-kills 20 --failovers 0' },
      ),
    ])
  }

  async #runFailovers(wanted: number): Promise<void> {
    const seed = `${this.#options.seed} failovers`
    let cases = 0
    await this.#inLanes(
      this.#plans(seed, () => this.#failovers < wanted),
      async (plan, dir) => {
        cases += 1
        if (cases % laggingEvery !== 2) return this.#overPair(seed, plan, dir)
        const result = await runLostCommits(plan, dir, seed)
        this.#failovers += 1
        this.#lagging += 1
        return result
      },
      { fault: 'failover', again: '--kills 0 --server-kills 0 --failovers 1' },
    )
  }

  async #overPair(seed: string, plan: Plan, dir: string): Promise<CaseResult> {
    const pair = await Pair.start(true)
    const random = new Random(`${seed} case ${plan.id} failovers`)
    try {
      return await this.#over(pair, seed, plan, dir, async () => {
        if (!random.chance(failoverShare)) return
        await pause(random.between(50, 800))
        await pair.failOver()
      })
    } finally {
      this.#failovers += pair.failovers
      await pair.dispose()
    }
  }

  #overServer(server: Server, seed: string, plan: Plan, dir: string): Promise<CaseResult> {
    return this.#over({ port: server.port, mayTakeBack: false }, seed, plan, dir)
  }

  async #over(
    hosting: Hosting,
    seed: string,
    plan: Plan,
    dir: string,
    besides?: PostgresCase['besides'],
  ): Promise<CaseResult> {
    const isCut = plan.setting.sinkFails
    const database = (path: string): PostgresDatabase => {
      made = new PostgresDatabase({
        hosting,
        name: `case_${plan.id}`,
        path,
        random: isCut ? new Random(`${seed} case ${plan.id} cuts`) : undefined,
        ...(besides === undefined ? {} : { besides }),
      })
      return made
    }
    let made: PostgresDatabase | undefined
    const result = await runCase(plan, dir, { seed, database, limitMs })
    for (const [cut, times] of made?.cuts ?? []) {
      this.#cuts.set(cut, (this.#cuts.get(cut) ?? 0) + times)
    }
    return result
  }

  async #inLanes(
    plans: Iterable<Plan>,
    run: (plan: Plan, dir: string) => Promise<CaseResult>,
    { fault, again }: { readonly fault: string; readonly again: string },
  ): Promise<void> {
    const { lanes, dir, seed } = this.#options
    const folder = fault.replaceAll(' ', '-')
    await inLanes(lanes, plans, async (plan) => {
      const result = await run(plan, join(dir, `${folder}-${plan.id}`))
      this.#results.push({ fault: `${fault}, PostgreSQL`, result })
      this.#progress.show(this.#results.map((one) => one.result))
      const options = `--connectors postgres ${again} --case ${plan.id}`
      const failures = describeFailure(result, seed, options)
      for (const failure of failures) console.error(failure)
      this.#failures.push(...failures)
    })
  }

  *#plans(seed: string, isWanted: () => boolean): Generator<Plan> {
    const { caseId, only } = this.#options
    for (let id = caseId ?? 0; isWanted(); id++) {
      const plan = planPostgresCase(seed, id)
      const name = plan === undefined ? '' : nameOf(plan.setting)
      const isChosen = only.length === 0 || only.some((text) => name.includes(text))
      if (plan !== undefined && isChosen) yield plan
      if (caseId !== undefined) return
    }
  }

  get #kills(): number {
    return trafficOf(this.#results.map(({ result }) => result)).kills
  }
}
