import { join } from 'node:path'
import type { ShardReport } from 'semel/directory'
import type { Setting } from './setting.js'

/** What a child is told. */
export interface Job {
  readonly setting: Setting
  /** The case's directory: `data`, what the outputs go to and the sources' files are in it. */
  readonly dir: string
  /** Of the child's own choices. */
  readonly seed: string
  /** The first id that was never sent. */
  readonly from: number
  /** Ids to be sent first: whether they were stored is unknown. */
  readonly resend: readonly number[]
  /** When to stop sending and close in order, in milliseconds; undefined: it waits to be killed. */
  readonly closesAfterMs?: number
  /** A file is shorter than what was read of it: reading it is to be refused. */
  readonly isTruncated: boolean
  /** The last run: a little more is sent, everything is drained, and the dead letters are told. */
  readonly isLast: boolean
}

/** Where the outputs go, in the case's directory; of a server the file that has its address. */
export function outputPath(dir: string, { sink, postgres }: Setting): string {
  const transactional = postgres === undefined ? 'out.db' : 'out.url'
  return join(dir, sink === 'transactional' ? transactional : 'out.ndjson')
}

/** The socket of the sources that the parent has, in the case's directory. */
export function upstreamPath(dir: string): string {
  return join(dir, 'upstream')
}

/** Where a shard's messages are, as a child tells it. */
export const tallies = [
  'stored',
  'processed',
  'filtered',
  'duplicate',
  'late',
  'deadLettered',
  'dropped',
  'parked',
  'inFlight',
] as const
export type Tally = Readonly<Record<(typeof tallies)[number], number>>

/** What the shards' reports add up to. */
export function tallyOf(shards: readonly ShardReport[]): Tally {
  const sum = (name: (typeof tallies)[number]): number =>
    shards.reduce((total, { stored, through, ...shard }) => {
      const all = { ...shard, stored, inFlight: stored - through }
      return total + all[name]
    }, 0)
  return Object.fromEntries(tallies.map((name) => [name, sum(name)])) as Tally
}

/** A dead letter, as a child tells it. */
export interface Letter {
  readonly shard: number
  readonly number: number
  readonly sequence: number
  readonly attempts: number
  /** The message's, or of a malformed row none. */
  readonly id?: number
  /** The malformed row's number, by what it says; of a queue or a group its id. */
  readonly line?: number
}

/**
 * The lines that a child tells, each a word and what belongs to it. `send` comes before the messages are
 * sent, the others when it has happened; copies are counted from 0 in each life, in the order of `send`.
 *
 *     opening
 *     opened   [tally of each shard]
 *     send     ID …
 *     ok       COPY:SHARD:SEQUENCE[:OUTCOME] …
 *     fail     COPY CODE          the message left no trace
 *     counters [tally of each shard]
 *     drained  COPIES             the first so many have their outcomes
 *     consumed
 *     unread   CODE               a source was refused, as it should be
 *     closing
 *     letter   LETTER
 *     closed   [tally of each shard]
 *     reopened [tally on disk, tally as it was opened once more]
 *     broken   CODE MESSAGE       the stream failed
 */
export type Word =
  | 'opening'
  | 'opened'
  | 'send'
  | 'ok'
  | 'fail'
  | 'counters'
  | 'drained'
  | 'consumed'
  | 'unread'
  | 'closing'
  | 'letter'
  | 'closed'
  | 'reopened'
  | 'broken'
