import type { Key } from '../../core/message.js'
import { Collector } from './chain.js'
import type { AttemptContext } from './context.js'
import type { Failure } from './failure.js'
import type { Owners } from './finished.js'
import type { FrameMemory } from '../message/frame.js'
import type { Unkeyed } from '../message/readers.js'

export interface JobParts {
  readonly sequence: number
  readonly attempt: number
  readonly history: string
  readonly key: Key | undefined
  /** Why it has no key, although it should. */
  readonly unkeyed: Unkeyed | undefined
  /** The slot's kind. */
  readonly kind: number
  readonly timeMs: number
  readonly payload: Buffer | undefined
}

/** How a job ended other than by running: what the shard loop makes an outcome of. */
export type JobEnd =
  | 'malformed'
  | 'behind'
  | 'duplicate'
  | 'late'
  | 'paced'
  | 'delayed'
  | 'given-up'

/** A message on its way through operators that may take their time. */
export class Job implements JobParts {
  readonly sequence: number
  readonly attempt: number
  readonly history: string
  readonly key: Key | undefined
  readonly unkeyed: Unkeyed | undefined
  readonly kind: number
  readonly timeMs: number
  payload: Buffer | undefined
  /** A parked message's attempt: it has no slot any more. */
  isRetry: boolean
  out = new Collector()
  /** Of the outputs that a batch gave, for each: whose it is, and when it came out. */
  readonly batched: { readonly owners: Owners; readonly turn: number }[] = []
  /** Set where it shares an output with others. */
  fate: Fate | undefined
  end: JobEnd | undefined
  error: Failure | undefined
  /** Its frame's, which ends with it. */
  frames: FrameMemory | undefined
  /** Where operators may ask for it. */
  context: AttemptContext | undefined
  isDone = false
  /** It has begun, and its operators have not ended. */
  isRunning = false
  /** It was given up while it ran: what it comes to is nobody's. */
  isLeft = false
  /** Nothing came out of it. */
  isFiltered = false
  /** Values that a batch still holds; the job is done when they have gone on. */
  held = 0
  hasRun = false
  hasPassedKey = false
  /** Of one that is paced: how long until it is its turn. */
  pausedMs = 0

  constructor(parts: JobParts, isRetry: boolean) {
    this.sequence = parts.sequence
    this.attempt = parts.attempt
    this.history = parts.history
    this.key = parts.key
    this.unkeyed = parts.unkeyed
    this.kind = parts.kind
    this.timeMs = parts.timeMs
    this.payload = parts.payload
    this.isRetry = isRetry
  }

  /** It has come to nothing, and runs once more from the beginning. */
  reset(): void {
    this.isRunning = false
    this.frames?.end()
    this.context?.end()
    this.out = new Collector()
  }
}

/**
 * Jobs that share outputs, directly or over others. An output is written for all of its messages or
 * for none, so they are committed together, and fail together.
 */
class Fate {
  readonly jobs = new Set<Job>()
  /** The last sequence among them. */
  last = 0

  add(job: Job): void {
    job.fate = this
    this.jobs.add(job)
    this.last = Math.max(this.last, job.sequence)
  }
}

/** From now on these jobs end together. */
export function bind(jobs: readonly Job[]): void {
  const fates = new Set(jobs.flatMap(({ fate }) => (fate === undefined ? [] : [fate])))
  const [fate = new Fate(), ...others] = [...fates].toSorted((a, b) => b.jobs.size - a.jobs.size)
  for (const job of jobs) fate.add(job)
  for (const other of others) for (const job of other.jobs) fate.add(job)
}
