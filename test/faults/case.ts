import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspectDirectory, type DirectoryReport } from 'semel/directory'
import { Backup } from './backup.js'
import { CommittedReader } from './committed.js'
import { SqliteDatabase } from './database.js'
import {
  checkBalanced,
  checkConserved,
  checkEpoch,
  checkReceipts,
  checkReopened,
  checkReopenedAtEnd,
  rotations,
} from './directory.js'
import { judgeBeside, readEffects } from './effects.js'
import type { Finding } from './finding.js'
import { outputPath, type Job } from './job.js'
import { judge } from './judge.js'
import type { CaseDatabase } from './kept-rows.js'
import { Ledger, type Life } from './ledger.js'
import type { End, Plan } from './plan.js'
import { runChild, type Build, type Ended, type Moment } from './program.js'
import { hasUpstream, isKept, isTransactional } from './setting.js'
import { Upstream } from './upstream/upstream.js'
import { SourceWriter } from './writer.js'

/** What a case has shown. */
export interface CaseResult {
  readonly plan: Plan
  readonly dir: string
  readonly findings: readonly Finding[]
  /** Kills that met a child which had begun to open. */
  readonly kills: number
  /** Point → how often a child has ended there. */
  readonly hits: ReadonlyMap<string, number>
  readonly acknowledged: number
  readonly unknown: number
  readonly repeated: number
  /** Messages that an opening had to deliver again, or found parked. */
  readonly redelivered: number
  readonly parked: number
  readonly deadLettered: number
  readonly rotations: number
  /** Older copies of the directory that were refused. */
  readonly refused: number
  readonly seconds: number
}

export interface CaseOptions {
  readonly seed: string
  /** A bug of the core's that is planted. */
  readonly planted?: string
  /** What children run; that with fault points, or the real one, unless given. */
  readonly build?: Build
  /** What its outputs go to, where it is over a database; one of SQLite unless given. */
  readonly database?: (outputs: string) => CaseDatabase
  readonly limitMs?: number
}

/** A child that is not at its end by then hangs, unless something else is given. */
const limitMsUsual = 60_000
const resentMax = 200

/** Runs one case in a directory of its own: kills and restarts, a last run to the end, the verdict. */
export async function runCase(plan: Plan, dir: string, options: CaseOptions): Promise<CaseResult> {
  const running = new Running(plan, dir, options)
  return running.run()
}

class Running {
  readonly #plan: Plan
  readonly #dir: string
  readonly #data: string
  readonly #out: string
  readonly #options: CaseOptions
  readonly #ledger = new Ledger()
  readonly #findings: Finding[] = []
  readonly #reader: CommittedReader
  readonly #database: CaseDatabase | undefined
  readonly #backup: Backup
  readonly #given = new Set<string>()
  readonly #writer: SourceWriter
  readonly #upstream: Upstream | undefined
  readonly #hits = new Map<string, number>()
  #report: DirectoryReport | undefined
  #kills = 0
  #redelivered = 0
  #parked = 0

  constructor(plan: Plan, dir: string, options: CaseOptions) {
    this.#plan = plan
    this.#dir = dir
    this.#data = join(dir, 'data')
    this.#out = outputPath(dir, plan.setting)
    this.#options = options
    this.#reader = new CommittedReader(plan.setting, this.#out)
    this.#backup = new Backup(this.#data)
    mkdirSync(dir, { recursive: true })
    if (isTransactional(plan.setting)) {
      this.#database = options.database?.(this.#out) ?? new SqliteDatabase(this.#out)
    }
    const seed = `${options.seed} case ${plan.id}`
    this.#writer = new SourceWriter(plan.setting, dir, seed)
    if (hasUpstream(plan.setting)) this.#upstream = new Upstream(plan.setting, dir, seed)
  }

  async run(): Promise<CaseResult> {
    const { setting, ends } = this.#plan
    const began = performance.now()
    await this.#upstream?.listen()
    await this.#database?.create()
    for (const [number, end] of ends.entries()) {
      if (this.#findings.length > 0) break
      await this.#live(number, end)
      await this.#backUp(number)
    }
    if (this.#findings.length === 0) await this.#live(ends.length, undefined)
    this.#upstream?.close()
    const { acknowledged, unknown, repeated } = await this.#judge()
    await this.#database?.close()
    const isRight = this.#findings.length === 0
    const result = {
      plan: this.#plan,
      dir: this.#dir,
      findings: this.#findings,
      kills: this.#kills,
      hits: this.#hits,
      acknowledged,
      unknown,
      repeated,
      redelivered: this.#redelivered,
      parked: this.#parked,
      deadLettered: this.#ledger.lives.at(-1)?.letters.length ?? 0,
      rotations: isKept(setting) && isRight ? rotations(this.#data, setting.shards) : 0,
      refused: this.#backup.refused,
      seconds: (performance.now() - began) / 1000,
    }
    if (isRight) rmSync(this.#dir, { recursive: true, force: true })
    return result
  }

  /** An older copy of the directory is refused by what the sink says. */
  async #backUp(number: number): Promise<void> {
    const { backup, id } = this.#plan
    if (this.#database === undefined || this.#findings.length > 0) return
    const { commits } = this.#database
    if (number === backup?.takenAfter && this.#report !== undefined) this.#backup.take(commits)
    if (number !== backup?.putBackAfter) return
    const job = { ...this.#job(number, undefined), seed: `${this.#options.seed} case ${id} backup` }
    const moment = { after: 'opened', ms: 50, lines: 0 } as const
    this.#findings.push(...(await this.#backup.tryOut(commits, () => this.#run(job, {}, moment))))
  }

  get #limitMs(): number {
    return this.#options.limitMs ?? limitMsUsual
  }

  #job(number: number, end: End | undefined): Job {
    const { id, setting } = this.#plan
    return {
      setting,
      dir: this.#dir,
      seed: `${this.#options.seed} case ${id} life ${number}`,
      from: this.#ledger.nextId,
      resend: number > 0 && isKept(setting) ? this.#ledger.unknownIds(resentMax) : [],
      ...(end?.closesAfterMs === undefined ? {} : { closesAfterMs: end.closesAfterMs }),
      isTruncated: false,
      isLast: end === undefined,
    }
  }

  #run(
    job: Job,
    more: Readonly<Record<string, string>>,
    moment: Moment | undefined,
  ): Promise<Ended> {
    const { planted, build } = this.#options
    const limitMs = this.#limitMs
    const environment = { ...more, ...(planted === undefined ? {} : { SEMEL_PLANTED: planted }) }
    const isReal = Object.keys(environment).length === 0
    return runChild(job, build ?? (isReal ? 'real' : 'faults'), environment, moment, limitMs)
  }

  async #live(number: number, end: End | undefined): Promise<void> {
    const { setting } = this.#plan
    const isTruncated = this.#writer.work(this.#ledger.consumed, end === undefined)
    const job = { ...this.#job(number, end), isTruncated }
    const point = end?.point
    const environment: Record<string, string> =
      point === undefined ? {} : { SEMEL_FAULT_POINT: `${point.name}:${point.passage}` }
    this.#upstream?.put(1 / (this.#plan.ends.length + 1 - number))
    this.#database?.beginLife()
    const ended = await this.#run(job, environment, end?.moment)
    writeFileSync(join(this.#dir, `life-${number}.txt`), ended.ledger)
    const life = this.#ledger.add(ended.ledger)
    this.#findings.push(...((await this.#upstream?.settle()) ?? []))
    this.#findings.push(...((await this.#database?.endLife()) ?? []))
    this.#noteEnd(number, end, ended, life)
    if (job.isTruncated && life.words.has('consumed')) {
      const text = `life ${number} read a source that was shorter than what had been read of it`
      this.#findings.push({ check: 'ended', text })
    }
    if (isKept(setting)) await this.#inspect(number, life)
    for (const shard of life.counters) {
      this.#findings.push(...checkBalanced(shard, `counters in life ${number}`))
    }
  }

  #noteEnd(number: number, end: End | undefined, ended: Ended, life: Life): void {
    const { signal, code, stderr, wasLate, wasKilled } = ended
    if (signal === 'SIGKILL' && !wasLate) {
      if (life.words.has('opening')) this.#kills += 1
      const point = end?.point?.name
      if (point !== undefined && !wasKilled) {
        this.#hits.set(point, (this.#hits.get(point) ?? 0) + 1)
      }
      return
    }
    if (code === 0 && life.closed !== undefined) {
      this.#findings.push(...checkReopenedAtEnd(life.reopened))
      return
    }
    const how = wasLate
      ? `was not at its end after ${this.#limitMs} ms (${this.#upstream?.state ?? 'nothing is read'})`
      : `ended with ${signal ?? `code ${code}`}`
    const why = life.broken ?? stderr.trim()
    this.#findings.push({ check: 'ended', text: `life ${number} ${how}: ${why}` })
  }

  /** Looks at the directory while nothing runs. */
  async #inspect(number: number, life: Life): Promise<void> {
    const before = this.#report
    let report: DirectoryReport
    try {
      report = inspectDirectory(this.#data)
    } catch (error) {
      // Killed before it was made.
      if (before === undefined && life.opened === undefined) return
      this.#findings.push({ check: 'ended', text: `the directory after life ${number}: ${error}` })
      return
    }
    this.#report = report
    this.#findings.push(...checkConserved(report))
    this.#findings.push(
      ...checkEpoch(before?.shards ?? [], report.shards, life.opened !== undefined),
    )
    const copies = this.#ledger.copies.slice(life.first, life.end)
    this.#findings.push(...checkReceipts(copies, report, this.#given))
    this.#findings.push(...this.#reader.read(report), ...((await this.#database?.read()) ?? []))
    if (life.opened === undefined) return
    this.#redelivered += life.opened.inFlight
    this.#parked += life.opened.parked
    this.#findings.push(...checkBalanced(life.opened, `as life ${number} opened it`))
    // What was prepared when it was killed, the directory does not know to be confirmed.
    const wasClosed = this.#ledger.lives.at(-2)?.closed !== undefined
    const isKnown = this.#database === undefined || wasClosed
    if (before !== undefined && isKnown) {
      this.#findings.push(...checkReopened(life.opened, before))
    }
  }

  async #judge(): Promise<{ acknowledged: number; unknown: number; repeated: number }> {
    const { setting } = this.#plan
    // A case that was broken off has not been drained: what is missing may still be in it.
    if (this.#findings.length > 0) {
      return { acknowledged: this.#ledger.acknowledged(), unknown: 0, repeated: 0 }
    }
    const upstream = this.#upstream?.report
    const effects = (await this.#database?.outputs()) ?? readEffects(this.#out, setting)
    const verdict = judge(setting, this.#ledger, effects, upstream)
    const letters = this.#ledger.lives.at(-1)?.letters ?? []
    const beside = judgeBeside(this.#out, setting, effects, letters)
    this.#findings.push(...verdict.findings, ...this.#reader.end(), ...beside)
    return verdict
  }
}
