import type { Acknowledge, Delivery } from 'semel'

/**
 * A value by the code that makes it, so that a case is text: it can be kept, cut down, printed and run
 * again. `kind` is its row of the table (values.ts).
 */
export interface Atom {
  readonly kind: string
  readonly code: string
}

export type Value =
  | Atom
  | { readonly object: readonly (readonly [string, Value])[] }
  | { readonly array: readonly Value[] }
  | { readonly map: readonly (readonly [Value, Value])[] }

/** What is sent, and what is done with it. */
export interface Message {
  /** Its number in the case: no two have the same. */
  readonly n: number
  readonly value: Value
  /** What the pipeline's `id` answers for it. */
  readonly id: Atom
  /** What the pipeline's `keyBy` answers for it. */
  readonly key: Atom
  /** What the pipeline's `time` answers for it. */
  readonly time: Atom
  /** So many attempts fail … */
  readonly fails: number
  /** … in the operators or in the sink … */
  readonly failsIn: 'operator' | 'sink'
  /** … with what this code makes. */
  readonly throws: string
  /** What the operator answers: a row of the table (functions.ts). */
  readonly answers: string
}

export interface Setting {
  readonly delivery: Delivery
  readonly durability: 'memory' | 'process' | 'disk'
  readonly shards: number
  readonly workers: 0 | 1
  readonly operators: 'sync' | 'async'
  readonly acknowledge: Acknowledge
  readonly sink: 'each' | 'own'
  readonly ring: '64KiB' | '1MiB' | '16MiB'
  /** Whether options that bound something have their least legal value. */
  readonly least: boolean
  /** Whether copies are known. */
  readonly identified: boolean
  readonly keyed: boolean
  /** Whether messages may be late. */
  readonly timed: boolean
  /** Messages are frames, which hold their numbers. */
  readonly raw: boolean
  /** The value itself is the message, without a number: it is known by its place. */
  readonly bare: boolean
  readonly attempts: number
  /** Code of a backoff. */
  readonly backoff: string
  /** What the listener of dead letters does. */
  readonly listener: 'nothing' | 'throws' | 'rejects'
}

export type Action =
  | { readonly do: 'send'; readonly message: Message; readonly awaited: boolean }
  | { readonly do: 'push'; readonly message: Message }
  | { readonly do: 'sendMany'; readonly messages: readonly Message[]; readonly awaited: boolean }
  /** Reads so many rows of a source from its beginning, or from where it was. */
  | {
      readonly do: 'consume'
      readonly source: number
      readonly rows: number
      readonly awaited: boolean
    }
  | { readonly do: 'flush' | 'ready' | 'drain' | 'settle' }
  /** Of the letters that are there, the one of this number, counted round. */
  | { readonly do: 'retry' | 'drop'; readonly letter: number }
  /** Closes in order, perhaps beside what was not awaited, and opens the directory again. */
  | { readonly do: 'reopen'; readonly beside: boolean }
  /** The process is killed; the next actions are another's. */
  | { readonly do: 'kill' }

export interface SourceOf {
  readonly partition: string
  /** So many rows are given together. */
  readonly batch: number
  readonly rows: readonly Message[]
}

export interface Case {
  readonly setting: Setting
  readonly sources: readonly SourceOf[]
  readonly actions: readonly Action[]
}

/** Every message of a case by its number. */
export function messagesOf({ sources, actions }: Case): Map<number, Message> {
  const all = sources.flatMap(({ rows }) => rows)
  for (const action of actions) {
    if ('message' in action) all.push(action.message)
    if ('messages' in action) all.push(...action.messages)
  }
  return new Map(all.map((message) => [message.n, message]))
}
