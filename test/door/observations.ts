import { writeSync } from 'node:fs'

/** What has happened in a case, in its order; over lives that were killed, lines of a file. */
export type Observation =
  /** What the door said of a message. */
  | {
      readonly door: number
      readonly how: 'taken' | 'refused' | 'full' | 'unknown'
      readonly code?: string
      readonly text?: string
      readonly shard?: number
      readonly sequence?: number
      readonly outcome?: string
    }
  /** An operator was given it. */
  | ({ readonly arrived: true } & Seen)
  /** The sink was given it. */
  | ({ readonly effect: true } & Seen)
  /** Outputs of the own sink behind so many of a shard are cut away. */
  | { readonly rewound: number; readonly shard: number }
  | { readonly consumed: number; readonly rows: number; readonly malformed: number }
  | { readonly ended: 'retry' | 'drop'; readonly letter: LetterSeen }
  | { readonly letters: readonly LetterSeen[] }
  | { readonly counters: Readonly<Record<string, number>>; readonly isDrained: boolean }
  | { readonly life: number; readonly opened: Readonly<Record<string, number>> }
  | { readonly fault: string; readonly text: string }
  | { readonly killed: number }

/** A message as an operator or the sink is given it. */
export interface Seen {
  /** Undefined: it has none. */
  readonly n?: number
  readonly shard: number
  readonly sequence: number
  readonly attempt: number
  readonly text: string
}

export interface LetterSeen {
  readonly n?: number
  readonly isMalformed: boolean
  readonly shard: number
  readonly number: number
  readonly sequence: number
  readonly text: string
  readonly history: number
  /** What it says was thrown at last. */
  readonly reason: string
}

export type Observe = (observation: Observation) => void

/** Observations into a file, a line each: what was written is there after a kill. */
export function observeInto(fd: number): Observe {
  return (observation) => writeSync(fd, `${JSON.stringify(observation)}\n`)
}
