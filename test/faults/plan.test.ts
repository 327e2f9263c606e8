import { expect, test } from 'vitest'
import { planCase } from './plan.js'
import type { Point } from './points.js'

const point = (name: string): Point => ({
  name,
  passagesMax: 10,
  isOfShard: false,
  fits: () => true,
  isFirst: false,
  isClosing: false,
})
const points = ['a', 'b', 'c'].map(point)

test('a plan follows from the seed and the number of its case', () => {
  expect(planCase('seed', 7, points)).toEqual(planCase('seed', 7, points))
  expect(planCase('seed', 7, points)).not.toEqual(planCase('seed', 8, points))
  expect(planCase('seed', 7, points)).not.toEqual(planCase('other', 7, points))
})

test('every point is the own one of some case', () => {
  const named = [0, 1, 2].map((id) =>
    planCase('seed', id, points).ends.map((end) => end.point?.name),
  )
  expect(named.map((names, i) => names.includes('abc'[i] as string))).toEqual([true, true, true])
})

test('what a database adds leaves the other cases of a seed as they are', () => {
  const ids = Array.from({ length: 60 }, (_, id) => id)
  const plans = ids.map((id) => planCase('seed', id, points, [], ['d', 'e'].map(point)))
  const over = plans.filter(({ setting }) => setting.sink === 'transactional')
  expect(over.length).toBeGreaterThan(4)
  for (const { setting, ends, backup } of over) {
    expect(setting.delivery).toBe('exactly-once')
    if (backup === undefined) continue
    expect(backup.takenAfter).toBeLessThan(backup.putBackAfter)
    expect(backup.putBackAfter).toBeLessThan(ends.length)
  }
  const others = plans.filter((plan) => !over.includes(plan))
  expect(others).toEqual(others.map(({ id }) => planCase('seed', id, points)))
})
