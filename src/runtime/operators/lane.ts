import type { Key } from '../../core/message.js'
import { isPromise, type Collector } from './chain.js'
import type { AttemptContext } from './context.js'
import { failureOf, type Failure } from './failure.js'
import type { FrameMemory } from '../message/frame.js'
import { Job, type JobEnd, type JobParts } from './job.js'
import type { Outage } from './outage.js'

/** Of a message that is not looked at. */
export const duplicateParts = {
  attempt: 1,
  history: '',
  key: undefined,
  unkeyed: undefined,
  kind: 0,
  timeMs: 0,
  payload: undefined,
}

export interface LaneParts {
  readonly concurrency: number
  readonly run: (job: Job) => void | Promise<void>
  /** Whether a job that failed is to be tried again: later ones of its key then wait behind it. */
  readonly isTriedAgain: (job: Job, failure: Failure) => boolean
  /** Such a later one takes its place in the line of its key. */
  readonly joinLine: (job: Job) => void
  /** Sorts parked messages by their turns. */
  readonly inTurn: (sequence: number, other: number) => number
  readonly kick: () => void
  /** While it holds the shard no job is started. */
  readonly outage: Outage
}

/**
 * Jobs side by side, at most `concurrency` of them running, one at a time for each key. They are taken
 * out in order: those in flight by sequence, retries as they end, those that end together by their turns.
 */
export class Lane {
  readonly #concurrency: number
  readonly #run: (job: Job) => void | Promise<void>
  readonly #isTriedAgain: (job: Job, failure: Failure) => boolean
  readonly #joinLine: (job: Job) => void
  readonly #inTurn: (sequence: number, other: number) => number
  readonly #kick: () => void
  readonly #outage: Outage
  #queue: Job[] = []
  #retries: Job[] = []
  /** Those that run on as parked ones, until that is committed. */
  #aside: Job[] = []
  /** Jobs that were added and have not been started, in order. */
  #ready: Job[] = []
  /** Jobs of keys that have one running. */
  readonly #behind = new Map<Key, Job[]>()
  /** Keys whose job has failed, is to be tried again, and has not been taken out yet. */
  readonly #failed = new Set<Key>()
  #running = 0
  #starting = false
  isUsed = false

  constructor(parts: LaneParts) {
    this.#concurrency = parts.concurrency
    this.#run = parts.run
    this.#isTriedAgain = parts.isTriedAgain
    this.#joinLine = parts.joinLine
    this.#inTurn = parts.inTurn
    this.#kick = parts.kick
    this.#outage = parts.outage
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#retries.length === 0 && this.#aside.length === 0
  }

  add(parts: JobParts): void {
    const job = new Job(parts, false)
    this.#queue.push(job)
    this.#enter(job)
  }

  addRetry(parts: JobParts): void {
    const job = new Job(parts, true)
    this.#retries.push(job)
    this.#enter(job)
  }

  /** A job that runs already, from outside the lane. */
  addRunning(
    parts: JobParts,
    out: Collector,
    frames: FrameMemory | undefined,
    context: AttemptContext | undefined,
    pending: Promise<unknown>,
  ): void {
    const job = new Job(parts, false)
    job.out = out
    job.frames = frames
    job.context = context
    job.isRunning = true
    this.#queue.push(job)
    if (job.key !== undefined) this.#behind.set(job.key, [])
    this.#running += 1
    const ran = pending.then(() => {
      if (job.unkeyed !== undefined) throw job.unkeyed.error
      job.isFiltered = out.values.length === 0
    })
    this.#watch(job, ran)
  }

  /** A message that has ended before it was begun: it only keeps its place, and none in its key. */
  addEnded(parts: JobParts, end: JobEnd): void {
    const job = new Job(parts, false)
    job.end = end
    job.isDone = true
    job.hasPassedKey = true
    this.#queue.push(job)
  }

  /** Those that have ended, in the order in which they are committed. */
  takeDone(): Job[] {
    const done: Job[] = this.#retries.filter((job) => job.isDone)
    if (done.length > 0) {
      this.#retries = this.#retries.filter((job) => !job.isDone)
      done.sort((a, b) => this.#inTurn(a.sequence, b.sequence))
    }
    const count = this.#doneTogether()
    if (count > 0) {
      for (let at = 0; at < count; at++) done.push(this.#queue[at] as Job)
      this.#queue = this.#queue.slice(count)
    }
    return done
  }

  /** How many of the first jobs have ended, with all of those that they are bound to. */
  #doneTogether(): number {
    let count = 0
    let last = 0
    for (const [at, job] of this.#queue.entries()) {
      if (!job.isDone) break
      last = Math.max(last, job.fate?.last ?? 0)
      if (job.sequence >= last) count = at + 1
    }
    for (let at = 0; at < count; at++) {
      const { error, fate } = this.#queue[at] as Job
      if (error !== undefined && fate !== undefined)
        for (const job of fate.jobs) job.error ??= failureOf(error.thrown, true)
    }
    return count
  }

  /** The job at the front where it runs, shares no output, and has others behind it. */
  get holder(): Job | undefined {
    const [head] = this.#queue
    if (head === undefined || this.#queue.length === 1) return undefined
    const isRunning = !head.isDone && !head.hasRun && head.held === 0 && head.fate === undefined
    return isRunning ? head : undefined
  }

  /** Whether any job behind the one at the front has ended, and is such a one. */
  holdsUp(isSuch: (sequence: number) => boolean): boolean {
    return this.#queue.some(({ isDone, sequence }) => isDone && isSuch(sequence))
  }

  /** Whether any job that waits for the holder's key is such a one. */
  holdsUpItsKey(isSuch: (sequence: number) => boolean): boolean {
    const key = this.holder?.key
    if (key === undefined) return false
    return this.#behind.get(key)?.some(({ sequence }) => isSuch(sequence)) === true
  }

  /** The holder goes on as a retry; later ones of its key wait behind it as behind one that failed. */
  setAside(): void {
    const [head] = this.#queue.splice(0, 1) as [Job]
    head.isRetry = true
    // Where it runs once more, the ring has gone on.
    if (head.payload !== undefined) head.payload = Buffer.from(head.payload)
    this.#aside.push(head)
    this.#blockKey(head)
  }

  /** What these have come to is committed; those of them that were set aside. */
  admit(sequences: Pick<ReadonlySet<number>, 'has'>): readonly Job[] {
    if (this.#aside.length === 0) return []
    const admitted = this.#aside.filter(({ sequence }) => sequences.has(sequence))
    this.#aside = this.#aside.filter(({ sequence }) => !sequences.has(sequence))
    this.#retries.push(...admitted)
    return admitted
  }

  /** Those of them that run end at once: what they come to is nobody's. */
  giveUp(isGivenUp: (sequence: number) => boolean, reason: Error): void {
    for (const job of this.#queue) if (isGivenUp(job.sequence)) this.#leave(job, reason)
    this.#start()
    this.#kick()
  }

  /** It was set aside, and is given up before that is committed. */
  leaveAside(sequence: number, reason: Error): void {
    const at = this.#aside.findIndex((job) => job.sequence === sequence)
    if (at < 0) return
    const [job] = this.#aside.splice(at, 1) as [Job]
    this.#leave(job, reason)
    this.#passKey(job)
    this.#start()
  }

  #leave(job: Job, reason: Error): void {
    if (!job.isRunning) return
    job.isLeft = true
    job.isRunning = false
    job.end = 'given-up'
    job.out.isOver = true
    job.context?.abort(reason)
    job.context?.end()
    this.#running -= 1
    job.hasRun = true
    job.isDone = true
    this.#passKey(job)
    this.#tried(job)
  }

  /** Jobs that were taken out have their outcomes: from now on the parked ones block their keys. */
  ended(jobs: readonly Job[]): void {
    for (const job of jobs) this.#passKey(job)
    this.#start()
  }

  /** A job's last held value has gone on, or it failed there. */
  release(job: Job): void {
    if (!job.hasRun || job.held > 0) return
    this.#end(job)
    this.#start()
    this.#kick()
  }

  /** Begins a job that was to begin, whether or not others may. */
  beginOnly(sequence: number): void {
    const at = this.#ready.findIndex((job) => job.sequence === sequence)
    if (at < 0) throw new Error(`message ${sequence} is not to begin`)
    this.#begin(this.#ready.splice(at, 1)[0] as Job)
    this.#kick()
  }

  /** The outage is over. */
  resume(): void {
    this.#start()
    this.#kick()
  }

  #enter(job: Job): void {
    if (job.key !== undefined) {
      const waiting = this.#behind.get(job.key)
      if (waiting !== undefined) {
        if (this.#failed.has(job.key)) this.#endBehind(job)
        else waiting.push(job)
        return
      }
      this.#behind.set(job.key, [])
    }
    this.#ready.push(job)
    this.#start()
  }

  #start(): void {
    if (this.#starting) return
    this.#starting = true
    while (this.#ready.length > 0 && this.#running < this.#concurrency && !this.#outage.isHeld) {
      this.#begin(this.#ready.shift() as Job)
    }
    this.#starting = false
  }

  #begin(job: Job): void {
    this.#running += 1
    job.isRunning = true
    let pending: void | Promise<void> = undefined
    try {
      pending = this.#run(job)
    } catch (thrown) {
      this.#threw(job, thrown)
      return
    }
    if (isPromise(pending)) this.#watch(job, pending)
    else this.#ran(job)
  }

  #watch(job: Job, pending: Promise<unknown>): void {
    this.isUsed = true
    pending.then(
      () => {
        if (job.isLeft) return this.#tried(job)
        this.#ran(job)
        this.#start()
        this.#kick()
      },
      (thrown: unknown) => {
        if (job.isLeft) return this.#tried(job)
        this.#threw(job, thrown)
        this.#start()
        this.#kick()
      },
    )
  }

  /** That is its failure, unless what it needs is down: then it runs again when that is over. */
  #threw(job: Job, thrown: unknown): void {
    if (this.#outage.begins(thrown, job.sequence)) {
      this.#running -= 1
      job.reset()
      this.#ready.push(job)
      this.#outage.joins(job.sequence, () => this.beginOnly(job.sequence))
      return
    }
    job.error = failureOf(thrown)
    this.#ran(job)
  }

  /** The operators are through with it: the next of its key may run. */
  #ran(job: Job): void {
    this.#running -= 1
    job.isRunning = false
    job.hasRun = true
    if (job.held === 0) this.#end(job)
    else this.#passKey(job)
    this.#tried(job)
  }

  /** Where it was the one that tried whether an outage is over, others may. */
  #tried(job: Job): void {
    if (this.#outage.trying === job.sequence) this.#outage.passed()
  }

  #end(job: Job): void {
    job.isDone = true
    job.context?.end()
    const isParked =
      job.error === undefined ? job.end === 'paced' : this.#isTriedAgain(job, job.error)
    if (!isParked) {
      this.#passKey(job)
      return
    }
    // At once, and not when the failure is taken out: that may have to wait for one of these, where a
    // batch holds messages from before and from behind them.
    this.#blockKey(job)
  }

  #blockKey(job: Job): void {
    if (job.key === undefined || job.hasPassedKey) return
    this.#failed.add(job.key)
    for (const next of this.#behind.get(job.key)?.splice(0) ?? []) {
      this.#endBehind(next)
    }
  }

  /** It has not run, and has no key to pass on. */
  #endBehind(job: Job): void {
    job.end = 'behind'
    job.isDone = true
    job.hasPassedKey = true
    if (!job.isRetry) this.#joinLine(job)
  }

  #passKey(job: Job): void {
    if (job.key === undefined || job.hasPassedKey) return
    job.hasPassedKey = true
    this.#failed.delete(job.key)
    const waiting = this.#behind.get(job.key)
    if (waiting === undefined) return
    const next = waiting.shift()
    if (next === undefined) this.#behind.delete(job.key)
    else this.#ready.push(next)
  }
}
