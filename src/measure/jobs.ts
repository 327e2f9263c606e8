import { toError } from '../core/errors.js'
import { mergedBreakdown } from './breakdown.js'
import { runChild } from './child.js'
import type { Breakdown, Latencies, Result, Spread } from './result.js'
import { conclude, mergedLatencies, pairedShare, spread } from './statistics.js'

/** A case, and what measures it. */
export interface Job {
  /** What is known before. */
  readonly result: Result
  readonly script: URL
  readonly task: object
  /** Of one child. */
  readonly timeoutMs: number
  /** The case that it is compared to, run by run. */
  readonly base?: string
  /** The case that bounds it: what the machine does where nothing is between. */
  readonly ceilingBy?: string
  /** Measured in the first round only. */
  readonly isOnce?: boolean
}

/** What a child answers: some of these, and what goes into the result as it is. */
export interface Sample extends Partial<Result> {
  /** Rates of the child's runs. */
  readonly perSecond?: readonly number[]
  /** Nanoseconds that one of something takes, of the child's runs. */
  readonly each?: readonly number[]
  readonly breakdowns?: readonly Breakdown[]
}

const latencyNames = ['latencyUs', 'acknowledgedUs', 'lateUs', 'stallsUs'] as const

export interface RunOptions {
  /** Children for each case. */
  readonly rounds: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (done: number, all: number, next: string) => void
}

/**
 * Measures cases, one child at a time. They take turns, round after round, and every other round goes
 * backwards: what changes about the machine meets all of them, and those that are compared alike. A
 * case whose child fails is measured no more, and says why.
 */
export async function runJobs(
  jobs: readonly Job[],
  { rounds, signal, onProgress }: RunOptions,
): Promise<Result[]> {
  const samples = new Map<Job, Sample[]>(jobs.map((job) => [job, []]))
  const failures = new Map<Job, string>()
  const turns = Array.from({ length: rounds }, (_, round) => {
    const due = jobs.filter(({ isOnce }) => round === 0 || isOnce !== true)
    return round % 2 === 0 ? due : due.toReversed()
  }).flat()
  for (const [done, job] of turns.entries()) {
    if (failures.has(job)) continue
    onProgress?.(done, turns.length, job.result.case)
    try {
      const { script, task, timeoutMs } = job
      samples.get(job)?.push((await runChild(script, task, { timeoutMs, signal })) as Sample)
    } catch (error) {
      if (signal?.aborted === true) throw error
      failures.set(job, toError(error).message)
    }
  }
  const rates = new Map(
    jobs.map((job) => [
      job.result.case,
      (samples.get(job) ?? []).flatMap(({ perSecond }) => perSecond ?? []),
    ]),
  )
  return jobs.map((job) => {
    const failure = failures.get(job)
    if (failure !== undefined) return { ...job.result, missing: failure }
    return compared(job, merged(job.result, samples.get(job) ?? []), rates)
  })
}

/** One result of a case's children. */
export function merged(known: Result, samples: readonly Sample[]): Result {
  const rates = samples.flatMap(({ perSecond }) => perSecond ?? [])
  const each = samples.flatMap((sample) => sample.each ?? [])
  const breakdowns = samples.flatMap((sample) => sample.breakdowns ?? [])
  const latencies = latencyNames.flatMap((name) => {
    const runs = samples.flatMap((sample): Latencies[] =>
      sample[name] === undefined ? [] : [sample[name]],
    )
    return runs.length === 0 ? [] : [[name, mergedLatencies(runs)]]
  })
  const { perSecond: _, each: __, breakdowns: ___, ...last } = samples.at(-1) ?? {}
  return {
    ...known,
    ...last,
    runs: Math.max(rates.length, each.length, samples.length),
    ...(rates.length === 0 ? {} : { messagesPerSecond: spread(rates) }),
    ...(each.length === 0 ? {} : { nanoseconds: spread(each) }),
    ...(breakdowns.length === 0 ? {} : { stages: mergedBreakdown(breakdowns) }),
    ...Object.fromEntries(latencies),
  }
}

function compared(
  { base, ceilingBy }: Job,
  result: Result,
  rates: ReadonlyMap<string, readonly number[]>,
): Result {
  const own = rates.get(result.case) ?? []
  const of = (other: string | undefined): Spread | undefined =>
    other === undefined || other === result.case
      ? undefined
      : pairedShare(own, rates.get(other) ?? [])
  const share = of(base)
  const ceiling = of(ceilingBy)
  return {
    ...result,
    ...(share === undefined
      ? {}
      : { against: { to: base as string, share, verdict: conclude(share, own.length) } }),
    ...(ceiling === undefined
      ? {}
      : {
          ceiling: spread(rates.get(ceilingBy as string) as number[]).median,
          ceilingOf: ceilingBy as string,
          shareOfCeiling: ceiling.median,
        }),
  }
}
