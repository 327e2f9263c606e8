import type { MessageContext } from '../../core/message.js'
import { caught } from '../../core/thrown.js'
import { after, type End } from '../../core/timers.js'
import { Collector, isPromise, type Chain } from './chain.js'
import type { Job } from './job.js'
import { noContext } from './slot-reader.js'

/** A value on its way between two stages, and the messages that it was made of. */
export interface Held {
  readonly value: unknown
  readonly owners: readonly Job[]
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
  #held: Held[] = []
  #endWait: End | undefined
  /** Batches go through the chain one after another, so that their order stays. */
  #tail: Promise<void> | undefined

  constructor(
    options: { readonly size: number; readonly withinMs: number },
    chain: Chain,
    deliver: (held: Held) => void,
    release: (job: Job) => void,
  ) {
    this.#size = options.size
    this.#withinMs = options.withinMs
    this.#chain = chain
    this.#deliver = deliver
    this.#release = release
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
    const out = new Collector()
    let pending: void | Promise<void>
    try {
      pending = this.#chain(
        group.map(({ value }) => value),
        contextOf(lastOf(group.flatMap(({ owners }) => owners))),
        out,
      )
    } catch (thrown) {
      this.#end(group, out, caught(thrown))
      return
    }
    if (!isPromise(pending)) {
      this.#end(group, out)
      return
    }
    return pending.then(
      () => this.#end(group, out),
      (thrown: unknown) => this.#end(group, out, caught(thrown)),
    )
  }

  #end(group: readonly Held[], out: Collector, error?: { readonly thrown: unknown }): void {
    const owners = group.flatMap((held) => held.owners)
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
  }
}

/** The one that is committed last. */
export function lastOf(jobs: readonly Job[]): Job {
  return jobs.reduce((a, b) => (b.sequence > a.sequence ? b : a))
}

/** Operators that may ask for it find one. Behind a batch it is that of its last message. */
export function contextOf({ context }: Job): MessageContext {
  return context ?? noContext
}
