import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { databasePoints, runtimePoints, upstreamPoints } from './child/points.js'
import {
  hasUpstream,
  isKept,
  isSynced,
  isTransactional,
  takesSends,
  type Setting,
} from './setting.js'

/** A place in the code where a child may end itself. */
export interface Point {
  readonly name: string
  /** At which passage it does: one up to this. */
  readonly passagesMax: number
  /** Each shard comes by once in a life. */
  readonly isOfShard: boolean
  /** Which settings come by. */
  readonly fits: (setting: Setting) => boolean
  /** Only the life that makes the directory comes by. */
  readonly isFirst: boolean
  /** Only a life that closes in order comes by. */
  readonly isClosing: boolean
}

type Profile = Partial<Omit<Point, 'name'>>

/** What is known of where points lie, by the beginnings of their names; the first that fits counts. */
const profiles: readonly (readonly [string, Profile])[] = [
  ['file.renamed', { passagesMax: 2, fits: isKept, isFirst: true }],
  ['segment.', { passagesMax: 2, fits: isKept, isFirst: true }],
  ['rotate.', { fits: fillsAckLog }],
  ['expire.', { fits: (setting) => fillsAckLog(setting) && !setting.dedup }],
  ['open.', { isOfShard: true, fits: isKept }],
  ['close.', { isOfShard: true, fits: isKept, isClosing: true }],
  ['group.', { passagesMax: 15, fits: isSynced }],
  [
    'commit.letter',
    { passagesMax: 6, fits: (setting) => isKept(setting) && makesLetters(setting) },
  ],
  ['commit.appended', { passagesMax: 60, fits: isWritten }],
  ['commit.prepared', { passagesMax: 40, fits: isTransactional }],
  ['commit.confirmed', { passagesMax: 40, fits: isTransactional }],
  ['commit.discarded', { passagesMax: 3, fits: isRefused }],
  ['commit.', { passagesMax: 60 }],
  ['runtime.sink-asking', { isOfShard: true, fits: isTransactional }],
  ['runtime.sink-asked', { isOfShard: true, fits: isTransactional }],
  ['runtime.sink-before-raise', { passagesMax: 2, fits: isTransactional }],
  ['runtime.sink-raised', { passagesMax: 2, fits: isTransactional }],
  ['runtime.sink-in-transaction', { passagesMax: 150, fits: isTransactional }],
  ['runtime.sink-before-transaction', { passagesMax: 40, fits: isTransactional }],
  ['runtime.sink-committed', { passagesMax: 40, fits: isTransactional }],
  ['runtime.closing', { passagesMax: 1, isClosing: true }],
  ['runtime.sink-before-flush', { passagesMax: 15, fits: flushes }],
  ['runtime.sink-flushed', { passagesMax: 15, fits: flushes }],
  ['runtime.sink-before-write', { passagesMax: 150, fits: isWritten }],
  ['runtime.sink-half-written', { passagesMax: 150, fits: isWritten }],
  ['runtime.sink-written', { passagesMax: 150, fits: isWritten }],
  ['runtime.receipt', { passagesMax: 100, fits: takesSends }],
  ['runtime.pushed', { passagesMax: 20, fits: takesSends }],
  ['upstream.before-safe', { passagesMax: 8, fits: hasUpstream }],
  ['upstream.safe', { passagesMax: 8, fits: hasUpstream }],
  ['upstream.', { passagesMax: 3, fits: ({ groupRows }) => groupRows > 0 }],
  ['', { passagesMax: 150 }],
]

/** Of the core's, those that only commits over a database come by. */
const preparedPoints = ['commit.prepared', 'commit.confirmed', 'commit.discarded']

/** Points of the core, as its sources name them, and those that the fixture adds. */
export function allPoints(): Point[] {
  const names = corePoints().filter((name) => !preparedPoints.includes(name))
  return pointsOf([...names, ...runtimePoints])
}

/** Those around commits over a database: drawn apart, since few cases come by. */
export function allDatabasePoints(): Point[] {
  return pointsOf([...preparedPoints, ...databasePoints])
}

/** Those around what sources of the parent's are told: drawn apart, since few cases come by. */
export function allUpstreamPoints(): Point[] {
  return pointsOf(upstreamPoints)
}

function pointsOf(names: readonly string[]): Point[] {
  return names.map((name) => {
    const profile = profiles.find(([beginning]) => name.startsWith(beginning))?.[1]
    return {
      name,
      passagesMax: 1,
      isOfShard: false,
      fits: () => true,
      isFirst: false,
      isClosing: false,
      ...profile,
    }
  })
}

function corePoints(): string[] {
  const native = fileURLToPath(new URL('../../../../native', import.meta.url))
  const names = readdirSync(native, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(?:h|cc)$/.test(path) && !/^(?:faults|test|fuzz)\//.test(path))
    .flatMap((path) => [
      ...readFileSync(join(native, path), 'utf8').matchAll(/fault_point\("([^"]+)"\)/g),
    ])
    .map(([, name]) => name as string)
  return [...new Set(names)].toSorted()
}

function fillsAckLog(setting: Setting): boolean {
  return (
    isKept(setting) &&
    takesSends(setting) &&
    setting.shards === 1 &&
    setting.failing >= 0.06 &&
    setting.padBytes >= 7000
  )
}

/** Not in a transaction. */
function isWritten(setting: Setting): boolean {
  return !isTransactional(setting)
}

function isRefused(setting: Setting): boolean {
  return isTransactional(setting) && (setting.sinkFails || setting.failing >= 0.02)
}

function makesLetters(setting: Setting): boolean {
  return setting.failing >= 0.02
}

function flushes(setting: Setting): boolean {
  return isSynced(setting) && setting.sink === 'rewindable'
}
