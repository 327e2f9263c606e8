import type { Operator } from '../../core/operator.js'
import { Batcher, lastOf, type Held } from './batcher.js'
import { Collector, compile, isPromise, putOut, putOutTo, type Chain } from './chain.js'
import { noContext, type AttemptContext } from './context.js'
import { bind, type Job } from './job.js'
import type { Outage } from './outage.js'
import { timed } from './time-limit.js'

type Stage = Exclude<Operator, { kind: 'batch' }>

export interface ProgramParts {
  readonly operators: readonly Operator[]
  /** Which sinks values go to behind the last of them; undefined: there is one sink. */
  readonly to: readonly number[] | undefined
  /** Of an attempt whose operators answer with promises; undefined: it has all the time. */
  readonly timeoutMs: number | undefined
  readonly release: (job: Job) => void
  readonly outage: Outage
}

/**
 * A pipeline's operators, ready to run. Without `batch` they are one chain, which runs in place; each
 * `batch` cuts the chain, and messages then run as jobs, since they end together with others.
 */
export class Program {
  readonly isStaged: boolean
  readonly usesContext: boolean
  readonly run: Chain
  /** What a chain that runs in place puts out. */
  collector = new Collector()
  readonly #batchers: Batcher[] = []
  readonly #timeoutMs: number
  /** Of what batches have put out. */
  #turn = 0

  constructor({ operators, to, timeoutMs = 0, release, outage }: ProgramParts) {
    this.#timeoutMs = timeoutMs
    const chains: Stage[][] = [[]]
    const cuts: { size: number; withinMs: number }[] = []
    for (const operator of operators) {
      if (operator.kind === 'batch') {
        cuts.push(operator)
        chains.push([])
      } else {
        chains.at(-1)?.push(operator)
      }
    }
    const end = to === undefined ? putOut : putOutTo(to)
    const compiled = chains.map((chain, at) => compile(chain, at < cuts.length ? putOut : end))
    this.isStaged = cuts.length > 0
    this.usesContext = compiled.some(({ usesContext }) => usesContext)
    this.run = (compiled[0] as (typeof compiled)[0]).run
    // From the last to the first, so that each knows where its values go on.
    let deliver = (held: Held): void => putOutHeld(held, (this.#turn += 1))
    for (let at = cuts.length - 1; at >= 0; at--) {
      const chain = (compiled[at + 1] as (typeof compiled)[0]).run
      const { size, withinMs } = cuts[at] as (typeof cuts)[0]
      const batcher = new Batcher({ size, withinMs, chain, deliver, release, outage, timeoutMs })
      this.#batchers.unshift(batcher)
      deliver = (held) => batcher.add(held)
    }
  }

  /** A job's way: its chain, and from there into the first batch. */
  runJob(message: unknown, job: Job): void | Promise<void> {
    const context = job.context ?? noContext
    const first = this.#batchers[0]
    if (first === undefined) {
      const pending = this.run(message, context, job.out)
      if (isPromise(pending)) {
        return this.timed(pending, job.context, job.out).then(() => noteFiltered(job))
      }
      noteFiltered(job)
      return
    }
    const out = new Collector()
    const pending = this.run(message, context, out)
    const enter = (): void => {
      if (job.isLeft) return
      job.isFiltered = out.values.length === 0
      for (const value of out.values) first.add({ value, owners: [job] })
    }
    if (isPromise(pending)) return this.timed(pending, job.context, out).then(enter)
    enter()
  }

  /** An attempt that has begun, within its time. */
  timed(
    pending: Promise<void>,
    context: AttemptContext | undefined,
    out: Collector,
  ): Promise<void> {
    return this.#timeoutMs === 0 ? pending : timed(pending, this.#timeoutMs, context, out)
  }

  /** Lets half-filled batches go; whether there were any. */
  flush(): boolean {
    return this.#batchers.map((batcher) => batcher.flush()).includes(true)
  }

  /** Batches of messages that are all given up end at once. */
  giveUp(isGivenUp: (sequence: number) => boolean, reason: Error): void {
    for (const batcher of this.#batchers) batcher.giveUp(isGivenUp, reason)
  }

  /** The outputs behind so many become a message's own; those before stay where they were. */
  takeCollector(outputsBefore: number): Collector {
    const own = this.collector
    const before = own.values
    own.values = before.splice(outputsBefore)
    this.collector = new Collector()
    return own
  }
}

function noteFiltered(job: Job): void {
  job.isFiltered = job.out.values.length === 0
}

/**
 * Outputs of several messages are committed with the last of them, in the order in which they came out:
 * a batch may have messages from before and from behind one of another batch, and by these their keys
 * would come out of order.
 */
function putOutHeld({ value, owners }: Held, turn: number): void {
  const last = lastOf(owners)
  last.out.values.push(value)
  last.batched.push({ owners: owners.map(({ sequence }) => sequence), turn })
  if (owners.length > 1) bind(owners)
}
