import { InvalidArgumentError, toError } from '../core/errors.js'
import { deliveries, durabilityText, type Delivery, type Durability } from '../core/delivery.js'
import { countText } from '../print/text.js'
import type { Graph } from '../pipeline/graph.js'
import type { OpenOptions } from '../runtime/settings/open-options.js'
import type { OpenLoopTask } from './child/open-loop.js'
import type { ThroughputTask } from './child/throughput.js'
import type { Job } from './jobs.js'
import type { Result } from './result.js'
import { subjectGraph } from './subject/subject.js'
import { acknowledgeOf, ways, waySettings, type Way } from './subject/ways.js'

/** A pipeline, and how its cases are measured. */
export interface Plan {
  readonly suite?: string
  /** The URL of the module that exports it. */
  readonly module: string
  /** The path of a JSON file with what the pipeline is configured by. */
  readonly config?: string
  readonly graph: Graph
  /** The path of a file that `writeSample` has made. */
  readonly sample: string
  /** For results: `object`, `raw64`. */
  readonly message: string
  /** What is peculiar to these cases, for their names. */
  readonly label?: string
  /** Pushed before anything is timed: what an index is filled with. */
  readonly before?: number
  /** The case whose rate bounds that of these. */
  readonly ceilingBy?: string
  readonly ownSink: boolean
  /** Of each timed run. */
  readonly seconds: number
  /** Timed ones in a child. */
  readonly runs: number
  readonly shards: number
  readonly workers: number
  readonly waiting: 'spin' | 'balanced' | 'park'
}

/** One way to give a guarantee. */
export interface Grade {
  readonly delivery: Delivery
  readonly durability: Durability
}

/** What each delivery is opened with by itself, and the next weaker one that still keeps messages. */
export const grades: readonly Grade[] = [
  { delivery: 'at-most-once', durability: 'memory' },
  { delivery: 'at-least-once', durability: 'process' },
  { delivery: 'exactly-once', durability: 'process' },
  { delivery: 'at-least-once', durability: 'disk' },
  { delivery: 'exactly-once', durability: 'disk' },
]

const startMs = 60_000

/**
 * The deliveries that a pipeline can't be given, and why.
 * @returns a result for each, without figures
 */
export function missingDeliveries({ graph, suite }: Pick<Plan, 'graph' | 'suite'>): Result[] {
  return deliveries.flatMap((delivery) => {
    try {
      subjectGraph(graph, delivery)
      return []
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      return [
        {
          ...(suite === undefined ? {} : { suite }),
          case: delivery,
          delivery,
          missing: toError(error).message,
        },
      ]
    }
  })
}

/** Throughput under every delivery that the pipeline can be given, in every way. */
export function throughputJobs(
  plan: Plan,
  of: readonly Grade[] = grades,
  by: readonly Way[] = ways,
): Job[] {
  return by.flatMap((way) =>
    possible(plan, of).map((grade): Job => {
      const { seconds, runs } = plan
      const task: Omit<ThroughputTask, 'dir'> = {
        ...loadOf(plan, grade, way, false),
        seconds,
        warmupSeconds: warmupOf(seconds),
        runs,
        before: plan.before ?? 0,
      }
      return {
        result: known(plan, grade, way, nameOf(plan, grade, way)),
        script: new URL('child/throughput.js', import.meta.url),
        task,
        timeoutMs: startMs + 10_000 * seconds * (runs + 1) + (plan.before ?? 0) / 100,
        base: nameOf(plan, grades[0] as Grade, way),
        ...(plan.ceilingBy === undefined ? {} : { ceilingBy: plan.ceilingBy }),
      }
    }),
  )
}

/** Latency at a fixed rate, likewise. */
export function latencyJobs(
  plan: Plan,
  perSecond: number,
  of: readonly Grade[] = grades,
  by: readonly Way[] = ways,
): Job[] {
  return by.flatMap((way) =>
    possible(plan, of).map((grade): Job => {
      const { seconds } = plan
      const task: Omit<OpenLoopTask, 'dir'> = {
        ...loadOf(plan, grade, way, true),
        perSecond,
        seconds,
        warmupSeconds: warmupOf(seconds),
      }
      const name = `${nameOf(plan, grade, way)} at ${countText(perSecond)}/s`
      return {
        result: { ...known(plan, grade, way, name), rate: perSecond },
        script: new URL('child/open-loop.js', import.meta.url),
        task,
        timeoutMs: startMs + 20_000 * seconds,
      }
    }),
  )
}

/** Rates that a case can't keep up with say nothing but that: they are not offered. */
export function withoutOverload(
  jobs: readonly Job[],
  measured: readonly Result[],
): [Job[], Result[]] {
  const offered: Job[] = []
  const left: Result[] = []
  for (const job of jobs) {
    const { rate, delivery, durability, acknowledge } = job.result
    const most = measured.find(
      (one) =>
        one.delivery === delivery &&
        one.durability === durability &&
        one.acknowledge === acknowledge,
    )?.messagesPerSecond?.min
    if (most === undefined || rate === undefined || rate <= most) offered.push(job)
    else {
      const missing = `it takes ${countText(most)} messages/s at most; offer less with --rate`
      left.push({ ...job.result, missing })
    }
  }
  return [offered, left]
}

function possible({ graph }: Plan, of: readonly Grade[]): readonly Grade[] {
  const missing = new Set(missingDeliveries({ graph }).map(({ delivery }) => delivery))
  return of.filter(({ delivery }) => !missing.has(delivery))
}

function loadOf(plan: Plan, { delivery, durability }: Grade, way: Way, isWatched: boolean) {
  const { module, config, sample, ownSink, shards, workers, waiting } = plan
  const options: OpenOptions = {
    shards: isWatched ? 1 : shards,
    workers: isWatched ? Math.min(1, workers) : workers,
    waiting,
    durability,
    // What is on its way should fit the caches; at `disk` it must also cover what a group syncs meanwhile.
    ring: durability === 'disk' ? '16MiB' : '4MiB',
  }
  const configured = config === undefined ? {} : { config }
  return {
    subject: { module, ...configured, delivery, ownSink, isWatched },
    sample,
    way,
    options,
  }
}

function known({ suite, message, label }: Plan, grade: Grade, way: Way, name: string): Result {
  const acknowledge = acknowledgeOf(way)
  return {
    case: name,
    ...(suite === undefined ? {} : { suite }),
    delivery: grade.delivery,
    ...(acknowledge === undefined ? {} : { acknowledge }),
    durability: durabilityText(grade.durability),
    message,
    ...(label === undefined ? {} : { label }),
    contender: 'semel',
    settings: waySettings[way],
  }
}

function nameOf({ message, label }: Plan, { delivery, durability }: Grade, way: Way): string {
  const name = `${message} ${delivery} ${durabilityText(durability)} ${way}`
  return label === undefined ? name : `${name}, ${label}`
}

/** Compiled, with the caches as they will be. */
function warmupOf(seconds: number): number {
  return Math.min(0.5, seconds / 2)
}
