import { hash } from './random.js'
import type { Setting } from './setting.js'

/** What the campaign sends. All of it follows from the id, so that sender and judge agree. */
export interface Message {
  readonly id: number
  /** What must stay in order. */
  readonly key: string
  readonly amount: number
  /** How often its handler throws, from the first attempt on. */
  readonly fails: number
  /** Whether the sink refuses it whenever it comes. */
  readonly refused: boolean
  /** Whether it refuses the outputs of the first attempt. */
  readonly bounces?: true
  readonly pad: string
}

/** What a message writes: one line, or as a transfer a debit and a credit. */
export interface Output {
  readonly id: number
  readonly key: string
  readonly part: 0 | 1
  readonly amount: number
  readonly refused?: true
  readonly bounces?: true
}

/** Attempts of a message in all. */
export const attemptsMax = 3
/** Ids from here on are those of the source's rows: its lines, counted from 1. */
export const sourceIdsFrom = 1_000_000_000
/** Those of the queue's messages, and of the group's rows: counted from 1 as well. */
export const queueIdsFrom = 2_000_000_000
export const groupIdsFrom = 3_000_000_000

const keyCount = 60
const failsAlways = 99

export function messageOf(id: number, { failing, padBytes, operators, sink }: Setting): Message {
  const chosen = hash(`message ${id}`)
  const share = (chosen % 100_000) / 100_000
  // Of those that fail, an eighth always does, and the sink refuses another eighth. A batch fails as
  // one, so there the sink refuses nothing.
  const kind = (chosen >>> 20) % 8
  const isFailing = share < failing
  const refused = isFailing && kind === 1 && operators !== 'batch'
  // A row that a database refuses costs a commit that others have a part in.
  const bounces =
    isFailing && sink === 'transactional' && operators !== 'batch' && (kind === 2 || kind === 4)
  const fails = !isFailing || refused || bounces ? 0 : kind === 0 ? failsAlways : 1 + (kind % 2)
  return {
    id,
    key: `key-${hash(`key ${id}`) % keyCount}`,
    amount: (chosen % 1000) + 1,
    fails,
    refused,
    ...(bounces ? { bounces } : {}),
    pad: isFailing ? 'x'.repeat(padBytes) : '',
  }
}

/** Whether it ends as a dead letter; at most once as dropped it takes less. */
export function endsDead(message: Message): boolean {
  return message.refused || message.fails >= attemptsMax
}

export function outputsOf(message: Message, isBank: boolean): Output[] {
  const { id, key, amount, refused, bounces } = message
  const mark = { ...(refused ? { refused } : {}), ...(bounces ? { bounces } : {}) }
  return isBank
    ? [
        { id, key, part: 0, amount: -amount, ...mark },
        { id, key, part: 1, amount, ...mark },
      ]
    : [{ id, key, part: 0, amount: 0, ...mark }]
}

/** Whether a row of the source is one that can't be read. */
export function isMalformed(line: number): boolean {
  return hash(`row ${line}`) % 50 === 0
}

/** The files that the source's rows are in, in the case's directory. */
export const sourceFiles = ['source.ndjson', 'second.ndjson'] as const

/** Which file a row is in. */
export function fileOfRow({ files }: Setting, line: number): number {
  return files === 1 ? 0 : (line + 1) % 2
}

/** A row of the source, without its end. Rows are numbered over all files, from 1. */
export function rowText(setting: Setting, line: number): string {
  if (isMalformed(line)) return brokenText(line)
  return JSON.stringify(messageOf(sourceIdsFrom + line, setting))
}

/** Where a message comes from. */
export type Origin = 'sent' | 'file' | 'queue' | 'group'

export function originOf(id: number): Origin {
  if (id < sourceIdsFrom) return 'sent'
  return id < queueIdsFrom ? 'file' : id < groupIdsFrom ? 'queue' : 'group'
}

/** The ids of a source's rows, those that can't be read too. */
export function idsOf(origin: Exclude<Origin, 'sent'>, setting: Setting): number[] {
  const { from, count } = {
    file: { from: sourceIdsFrom, count: setting.sourceRows },
    queue: { from: queueIdsFrom, count: setting.queueRows },
    group: { from: groupIdsFrom, count: setting.groupRows },
  }[origin]
  return Array.from({ length: count }, (_, i) => from + i + 1)
}

/** Whether a row of a source, by its id, is one that can't be read. */
export function isBroken(id: number): boolean {
  return isMalformed(originOf(id) === 'file' ? id - sourceIdsFrom : id)
}

/** Which partition of the group a row is in. */
export function partitionOfRow({ partitions }: Setting, id: number): number {
  return (id - groupIdsFrom) % partitions
}

/** What a row says that can't be read; of a queue and a group its number is the id. */
export function brokenText(number: number): string {
  return `{"broken": ${number}`
}

/** The number of a malformed row, by what it says. */
export function brokenRow(text: string): number {
  return Number(/^\{"broken": (\d+)$/.exec(text)?.[1] ?? 0)
}
