import type { Acknowledge } from '../core/acknowledge.js'
import type { Delivery } from '../core/delivery.js'

/** What a measuring program prints as JSON. */
export interface Report {
  readonly machine: Machine
  /** ISO 8601. */
  readonly date: string
  /** Of semel, Node.js, V8 and what else was measured. */
  readonly versions: Readonly<Record<string, string>>
  readonly results: readonly Result[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly os: string
}

/** Of several runs. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Percentiles, in microseconds. */
export interface Latencies {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Where the time of one sender and one worker goes: nanoseconds a message, by stage. */
export interface Breakdown {
  /** From one message to the next, for both threads. */
  readonly wall: number
  readonly sender: {
    readonly append: number
    /** Encoding; waiting for room, and for what is under way at the end. */
    readonly rest: number
  }
  readonly worker: {
    readonly poll: number
    readonly index: number
    /** Decoding, operators, sink. */
    readonly handle: number
    readonly commit: number
    readonly log: number
    /** Waiting for messages, and the turns of its loop. */
    readonly rest: number
  }
}

/** One case: what it was, and what was found. What does not apply is absent. */
export interface Result {
  readonly case: string
  /** Cases that are printed together. */
  readonly suite?: string
  readonly delivery?: Delivery
  /** Absent where messages are pushed and nobody is told of single ones. */
  readonly acknowledge?: Acknowledge
  /** As `durabilityText` writes it. */
  readonly durability?: string
  /** What a message is: `object`, `raw64`, `256 B`. */
  readonly message?: string
  /** What is peculiar to the case besides: `shards 2, workers 1`. */
  readonly label?: string
  /** `semel`, or another system that does the same. */
  readonly contender?: string
  /** In words: what it was told. */
  readonly settings?: string
  /** It was not measured: why, and the remedy. */
  readonly missing?: string
  /** Of `messagesPerSecond` or of the latencies. */
  readonly runs?: number
  readonly messagesPerSecond?: Spread
  /** Against the same under at-most-once, run by run. */
  readonly against?: Comparison
  /** Where the time of a message goes, where one thread sends to one worker. */
  readonly stages?: Breakdown
  /** Messages a second offered, open loop. */
  readonly rate?: number
  /** From the time at which a message was due until its handler has it. */
  readonly latencyUs?: Latencies
  /** From the time at which a message was due until its sender is told. */
  readonly acknowledgedUs?: Latencies
  /** How late the sender itself was: a part of both latencies. */
  readonly lateUs?: Latencies
  /** How late a bare loop that only looks at the clock was, at the same rate in the same process. */
  readonly stallsUs?: Latencies
  /** What the machine does where nothing but the named part is done; in the unit of the result. */
  readonly ceiling?: number
  readonly ceilingOf?: string
  readonly shareOfCeiling?: number
  /** A part of the way by itself. */
  readonly nanoseconds?: Spread
  /** What else is to be known of the figures. */
  readonly note?: string
}

/** One case beside another, pairs of runs that followed each other. */
export interface Comparison {
  readonly to: string
  /** The rates' ratio. */
  readonly share: Spread
  readonly verdict: Verdict
}

export type Verdict = 'slower' | 'faster' | 'no difference' | 'too noisy' | 'too few runs'
