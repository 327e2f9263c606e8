import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { inspectDirectory, type ShardReport } from 'semel/directory'
import type { CaseResult } from '../case.js'
import type { Finding } from '../finding.js'
import { outputPath, type Job } from '../job.js'
import { checkKept, type KeptCommit } from '../kept-rows.js'
import { Ledger } from '../ledger.js'
import type { Plan } from '../plan.js'
import { runChild, type Ended, type Moment } from '../program.js'
import { Random } from '../random.js'
import { Pair } from './pair.js'
import { pause } from './pause.js'
import { PostgresDatabase } from './postgres-database.js'

const limitMs = 180_000

/**
 * A standby that does not have the newest commits takes over: opening is refused, since the directory has
 * them as done, and nothing is written a second time. Where all that the directory knows has arrived,
 * the pipeline goes on.
 */
export async function runLostCommits(plan: Plan, dir: string, seed: string): Promise<CaseResult> {
  const began = performance.now()
  const setting = { ...plan.setting, sourceRows: 0, queueRows: 0, sinkFails: false }
  const random = new Random(`${seed} case ${plan.id} lost commits`)
  mkdirSync(dir, { recursive: true })
  const pair = await Pair.start(false)
  const database = new PostgresDatabase({
    hosting: pair,
    name: `case_${plan.id}`,
    path: outputPath(dir, setting),
    random: undefined,
  })
  const ledger = new Ledger()
  const findings: Finding[] = []
  let refused = 0

  async function live(number: number, isLast: boolean, moment?: Moment): Promise<Ended> {
    const job: Job = {
      setting,
      dir,
      seed: `${seed} case ${plan.id} life ${number}`,
      from: ledger.nextId,
      resend: [],
      isTruncated: false,
      isLast,
    }
    const ended = await runChild(job, 'real', {}, moment, limitMs)
    ledger.add(ended.ledger)
    return ended
  }

  try {
    await database.create()
    await pair.catchUp()
    const isLagging = random.chance(0.7)
    const staysMs = random.between(100, 800)
    const first = live(0, false, { after: 'opened', ms: staysMs, lines: 0 })
    await pause(random.between(300, 400 + staysMs))
    if (isLagging) await pair.loseStandby()
    await first
    const had = await database.state()
    if (!isLagging) await pair.catchUp()
    await pair.failOver()
    const lacksNothing = had === (await database.state())
    const { shards } = inspectDirectory(join(dir, 'data'))
    const before = await database.load()
    findings.push(...checkKept(before))
    const isBehind = shards.some((shard, i) => isAhead(shard, before.commits, i))
    const { code, stderr } = await live(1, true)
    const wasRefused = code !== 0 && stderr.includes('SEMEL_SINK_BEHIND')
    const after = await database.load()
    findings.push(...checkKept(after))
    if (wasRefused) refused += 1
    // Between the two are epochs that were given, and a commit that the directory does not know as done.
    const isExpected = code === 0 ? !isBehind : wasRefused && !lacksNothing
    if (!isExpected) {
      const what = isBehind ? 'a commit' : lacksNothing ? 'nothing' : 'no commit'
      const text = `the standby lacked ${what} of what the directory knows, and the opening ended with ${code}: ${stderr}`
      findings.push({ check: 'ended', text })
    }
    if (wasRefused && after.rows.length !== before.rows.length) {
      findings.push({ check: 'phantom', text: 'an opening that was refused has written rows' })
    }
    await database.close()
  } finally {
    await pair.dispose()
  }
  if (findings.length === 0) rmSync(dir, { recursive: true, force: true })
  return {
    plan: { ...plan, setting },
    dir,
    findings,
    kills: 1,
    hits: new Map(),
    acknowledged: ledger.acknowledged(),
    unknown: 0,
    repeated: 0,
    redelivered: 0,
    parked: 0,
    deadLettered: 0,
    rotations: 0,
    refused,
    seconds: (performance.now() - began) / 1000,
  }
}

/** Whether the directory knows a commit that the sink does not hold. */
function isAhead(
  { sinkCommit }: ShardReport,
  commits: readonly KeptCommit[],
  shard: number,
): boolean {
  if (sinkCommit === undefined) return false
  const held = commits.find((one) => one.shard === shard)
  return (
    held === undefined ||
    held.epoch < sinkCommit.epoch ||
    (held.epoch === sinkCommit.epoch && held.n < sinkCommit.n)
  )
}
