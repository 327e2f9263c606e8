import { describe, expect, test } from 'vitest'
import { judge } from './judge.js'
import { Ledger } from './ledger.js'
import {
  groupIdsFrom,
  isBroken,
  messageOf,
  outputsOf,
  queueIdsFrom,
  type Output,
} from './messages.js'
import { Random } from './random.js'
import { drawSetting, type Setting } from './setting.js'
import type { UpstreamReport } from './upstream/upstream.js'

const setting: Setting = {
  ...drawSetting(new Random('judge'), 'stored'),
  delivery: 'exactly-once',
  durability: 'disk',
  shards: 1,
  sink: 'rewindable',
  operators: 'sync',
  dedup: true,
  bank: false,
  failing: 0,
  sourceRows: 0,
}

/** The first so many that can be read. */
const idsFrom = (from: number, count: number): number[] =>
  Array.from({ length: 1000 }, (_, i) => from + i + 1)
    .filter((id) => !isBroken(id))
    .slice(0, count)

const [q1 = 0, q2 = 0, q3 = 0] = idsFrom(queueIdsFrom, 3)
const [g1 = 0, g2 = 0, g3 = 0] = idsFrom(groupIdsFrom, 3)

const report: UpstreamReport = {
  acknowledged: new Set(),
  taken: new Set(),
  shared: new Set(),
  safeRows: 0,
  isDone: false,
}

const effects = (...ids: number[]): Output[] =>
  ids.flatMap((id) => outputsOf(messageOf(id, setting), false))

const checksOf = (
  more: Partial<Setting>,
  told: Partial<UpstreamReport>,
  found: Output[],
): string[] =>
  judge({ ...setting, ...more }, new Ledger(), found, { ...report, ...told })
    .findings.filter(({ text }) => !text.includes('malformed'))
    .map(({ check, id }) => `${check} ${id}`)

describe('the judge of a queue', () => {
  const ofQueue = { queueRows: q3 - queueIdsFrom }

  test('asks for what it was told to forget, and lets the rest be there or not', () => {
    const told = { acknowledged: new Set([q1, q2]) }
    expect(checksOf(ofQueue, told, effects(q2, q1))).toEqual([])
    expect(checksOf(ofQueue, told, effects(q1, q2, q3))).toEqual([])
    expect(checksOf(ofQueue, told, effects(q1))).toEqual([`lost ${q2}`])
    expect(checksOf(ofQueue, told, effects(q1, q2, q1))).toEqual([`twice ${q1}`])
  })

  test('sees what it never gave', () => {
    expect(checksOf(ofQueue, {}, effects(q3 + 1000))).toEqual([`phantom ${q3 + 1000}`])
  })
})

describe('the judge of a group', () => {
  const ofGroup = { groupRows: g3 - groupIdsFrom, partitions: 1, journal: false }

  test('asks for each row of one of its members, once all is safe', () => {
    const told = { isDone: true, taken: new Set([g2]) }
    expect(checksOf(ofGroup, told, effects(g1, g3))).toEqual([])
    expect(checksOf(ofGroup, told, effects(g1))).toEqual([`lost ${g3}`])
    expect(checksOf(ofGroup, { ...told, isDone: false }, effects(g1))).toEqual([])
  })

  test('sees what was given up, and took effect behind that', () => {
    const told = { isDone: true, taken: new Set([g2]) }
    expect(checksOf(ofGroup, told, effects(g1, g2, g3))).toEqual([`twice ${g2}`])
    // It had its effect by then, or nobody knows.
    expect(checksOf(ofGroup, { ...told, shared: new Set([g2]) }, effects(g1, g2, g3))).toEqual([])
    // A crash brings it again.
    expect(checksOf({ ...ofGroup, journal: true }, told, effects(g1, g2, g3))).toEqual([])
  })

  test('sees rows of a partition out of order', () => {
    const same = { ...ofGroup, groupRows: 1000 }
    const [first, second] = sameKey()
    expect(checksOf(same, {}, effects(first, second))).toEqual([])
    expect(checksOf(same, {}, effects(second, first))).toEqual([`out of order ${first}`])
    expect(checksOf({ ...same, partitions: 1000 }, {}, effects(second, first))).toEqual([])
  })
})

/** Two rows of one key. */
function sameKey(): [number, number] {
  const ids = idsFrom(groupIdsFrom, 500)
  for (const [at, second] of ids.entries()) {
    const key = messageOf(second, setting).key
    const first = ids.slice(0, at).find((id) => messageOf(id, setting).key === key)
    if (first !== undefined) return [first, second]
  }
  throw new Error('no two rows have one key')
}
