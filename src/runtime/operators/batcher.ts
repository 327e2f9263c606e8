import { after, type End } from '../../core/waiting/timers.js'
import { Collector, isPromise, type Chain } from './chain.js'
import { noContext, type AttemptContext } from './context.js'
import { failureOf, type Failure } from './failure.js'
import type { Job } from './job.js'
import type { Outage } from './outage.js'
import { timed } from './time-limit.js'

/** A value on its way between two stages, and the messages that it was made of. */
export interface Held {
  readonly value: unknown
  readonly owners: readonly Job[]
}

type Leave = (isGivenUp: (sequence: number) => boolean, reason: Error) => void

export interface BatcherParts {
  readonly size: number
  readonly withinMs: number
  readonly chain: Chain
  readonly deliver: (held: Held) => void
  readonly release: (job: Job) => void
  readonly outage: Outage
  /** Of a batch's way through its chain; 0: it has all the time. */
  readonly timeoutMs: number
}

/**
 * Puts values together: a batch goes on when it is full, or `withinMs` after its first value. Its
 * messages end together: they fail together too, and are then tried again one by one.
 */
export class Batcher {
  readonly #size: number
  readonly #withinMs: number
  readonly #chain: Chain
  readonly #deliver: (held: Held) => void
  readonly #release: (job: Job) => void
  readonly #outage: Outage
  readonly #timeoutMs: number
  #held: Held[] = []
  #endWait: End | undefined
  /** Ends the batch that is on its way through the chain, where all of it is given up. */
  #leave: Leave | undefined
  /** Batches go through the chain one after another, so that their order stays. */
  #tail: Promise<void> | undefined

  constructor(parts: BatcherParts) {
    this.#size = parts.size
    this.#withinMs = parts.withinMs
    this.#chain = parts.chain
    this.#deliver = parts.deliver
    this.#release = parts.release
    this.#outage = parts.outage
    this.#timeoutMs = parts.timeoutMs
  }

  add(held: Held): void {
    for (const job of held.owners) job.held += 1
    if (held.owners.some((job) => job.isRetry)) {
      // A second attempt stands alone, so that what spoils a batch is found.
      this.#send([held])
      return
    }
    this.#held.push(held)
    if (this.#held.length >= this.#size) {
      this.flush()
    } else if (this.#endWait === undefined) {
      this.#endWait = after(this.#withinMs, () => this.flush())
    }
  }

  /** Lets what there is go on; whether there was anything. */
  flush(): boolean {
    this.#endWait?.()
    this.#endWait = undefined
    if (this.#held.length === 0) return false
    const group = this.#held
    this.#held = []
    this.#send(group)
    return true
  }

  /** A batch of messages that are all given up ends at once: what it comes to is nobody's. */
  giveUp(isGivenUp: (sequence: number) => boolean, reason: Error): void {
    this.#leave?.(isGivenUp, reason)
  }

  #send(group: readonly Held[]): void {
    if (this.#tail !== undefined) {
      this.#tail = this.#tail.then(() => this.#run(group))
      this.#forgetTail()
      return
    }
    const pending = this.#run(group)
    if (!isPromise(pending)) return
    this.#tail = pending
    this.#forgetTail()
  }

  #forgetTail(): void {
    const tail = this.#tail as Promise<void>
    void tail.then(() => {
      if (this.#tail === tail) this.#tail = undefined
    })
  }

  /** Never rejects: a failure is the messages'. */
  #run(group: readonly Held[]): void | Promise<void> {
    if (this.#outage.isHeld) {
      return this.#later(group)
    }
    return this.#runNow(group)
  }

  #runNow(group: readonly Held[]): void | Promise<void> {
    const out = new Collector()
    const context = contextOf(group)
    let pending: void | Promise<void>
    try {
      pending = this.#chain(
        group.map(({ value }) => value),
        context,
        out,
      )
    } catch (thrown) {
      return this.#failed(group, out, context, thrown)
    }
    if (!isPromise(pending)) {
      this.#end(group, out, context)
      return
    }
    const ended = this.#timeoutMs === 0 ? pending : timed(pending, this.#timeoutMs, context, out)
    return new Promise((resolve) => {
      const once = (end: () => void | Promise<void>): void => {
        if (this.#leave !== leave) return
        this.#leave = undefined
        resolve(end())
      }
      const leave: Leave = (isGivenUp, reason) => {
        const owners = ownersOf(group)
        if (!owners.every((job) => !job.isRetry && isGivenUp(job.sequence))) return
        out.isOver = true
        for (const job of owners) job.end = 'given-up'
        context?.abort(reason)
        once(() => this.#end(group, new Collector(), context))
      }
      this.#leave = leave
      ended.then(
        () => once(() => this.#end(group, out, context)),
        (thrown: unknown) => once(() => this.#failed(group, out, context, thrown)),
      )
    })
  }

  #failed(
    group: readonly Held[],
    out: Collector,
    context: AttemptContext,
    thrown: unknown,
  ): void | Promise<void> {
    if (this.#outage.begins(thrown, sequenceOf(group))) {
      context?.end()
      return this.#later(group)
    }
    this.#end(group, out, context, failureOf(thrown, new Set(ownersOf(group)).size > 1))
  }

  /** Runs it when it is its turn in the outage. */
  #later(group: readonly Held[]): Promise<void> {
    return new Promise((resolve) => {
      this.#outage.joins(sequenceOf(group), () => resolve(this.#runNow(group)))
    })
  }

  #end(
    group: readonly Held[],
    out: Collector,
    context: AttemptContext | undefined,
    error?: Failure,
  ): void {
    context?.end()
    const owners = ownersOf(group)
    if (error === undefined) {
      const distinct = [...new Set(owners)]
      for (const value of out.values) this.#deliver({ value, owners: distinct })
      for (const job of distinct) job.isFiltered = out.values.length === 0
    }
    for (const job of owners) {
      job.held -= 1
      if (error !== undefined) job.error = error
    }
    for (const job of new Set(owners)) this.#release(job)
    // What follows comes behind it.
    if (this.#outage.trying === sequenceOf(group)) this.#outage.passed()
  }
}

/** The one that is committed last. */
export function lastOf(jobs: readonly Job[]): Job {
  return jobs.reduce((a, b) => (b.sequence > a.sequence ? b : a))
}

function sequenceOf(group: readonly Held[]): number {
  return lastOf(ownersOf(group)).sequence
}

function ownersOf(group: readonly Held[]): readonly Job[] {
  return group.flatMap(({ owners }) => owners)
}

/** That of the last message, where operators may ask for it, with a signal of the batch's own. */
function contextOf(group: readonly Held[]): AttemptContext {
  return lastOf(ownersOf(group)).context?.anew() ?? noContext
}
