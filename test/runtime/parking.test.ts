import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Parking, type ParkedMessage } from '../../src/runtime/failures/parking.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 500)

const message = (sequence: number, key: string, dueMs: number): ParkedMessage => ({
  sequence,
  key,
  dueMs,
  unkeyed: undefined,
  attempts: 0,
  history: '',
})

const none = new Set<number>()

/** What the shard does next: takes a message, lets time pass, or ends or parks anew what it tries. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant('take' as const),
    key: fc.constantFrom('a', 'b'),
    /** It fails at once. */
    fails: fc.boolean(),
    delayMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 15 }) }),
  fc.record({
    kind: fc.constant('try' as const),
    fails: fc.boolean(),
    most: fc.integer({ min: 1, max: 5 }),
  }),
)

/** The order of a key, said plainly: a list to which each message is appended when its time has come. */
class Model {
  nowMs = 0
  taken = 0
  readonly lines = new Map<string, number[]>([
    ['a', []],
    ['b', []],
  ])
  delayed: { sequence: number; key: string; dueMs: number }[] = []

  line(key: string): number[] {
    return this.lines.get(key) as number[]
  }

  join(): void {
    const due = this.delayed.filter(({ dueMs }) => dueMs <= this.nowMs)
    this.delayed = this.delayed.filter(({ dueMs }) => dueMs > this.nowMs)
    due.sort((one, other) => one.dueMs - other.dueMs || one.sequence - other.sequence)
    for (const { sequence, key } of due) this.line(key).push(sequence)
  }
}

test('parked messages are tried in the order in which they came, or were due', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model()
      const parking = new Parking()
      const keys = new Map<number, string>()
      for (const one of steps) {
        model.join()
        parking.join(model.nowMs, () => model.taken)
        if (one.kind === 'wait') {
          model.nowMs += one.ms
        } else if (one.kind === 'take') {
          const sequence = (model.taken += 1)
          keys.set(sequence, one.key)
          const dueMs = model.nowMs + (one.delayMs ?? 0)
          const isBlocked = model.line(one.key).length > 0
          expect(parking.isBlocked(one.key, sequence)).toBe(isBlocked)
          if (one.delayMs !== undefined) {
            model.delayed.push({ sequence, key: one.key, dueMs })
            parking.delay(message(sequence, one.key, dueMs))
          } else if (isBlocked || one.fails) {
            model.line(one.key).push(sequence)
            parking.add(message(sequence, one.key, 0))
          }
        } else {
          const due = parking.due(model.nowMs, none, one.most, none)
          const all = [...model.lines.values()].flat()
          expect(due).toHaveLength(Math.min(one.most, all.length))
          for (const [key, line] of model.lines) {
            const of = due.filter((found) => found.key === key).map(({ sequence }) => sequence)
            expect(of).toEqual(line.slice(0, of.length))
          }
          const [first] = due
          if (first === undefined) continue
          const { sequence, key } = first
          expect(sequence).toBe(model.line(key as string)[0])
          parking.begin(sequence)
          parking.remove(sequence, key)
          if (one.fails) parking.add(message(sequence, key as string, 0))
          else model.line(key as string).shift()
          parking.committed(new Set([sequence]))
        }
        expect(parking.isEmpty).toBe([...model.lines.values()].every(({ length }) => length === 0))
      }
    }),
    { numRuns },
  )
})

test('one that was due behind others is before those that were taken later, and comes back to its turn', () => {
  const parking = new Parking()
  parking.delay(message(1, 'a', 10))
  parking.delay(message(2, 'a', 5))
  parking.add(message(3, 'a', 0))
  parking.join(10, () => 4)
  parking.add(message(5, 'a', 0))
  // 4 runs: it was taken before either of them was due.
  expect(parking.isBlocked('a', 4)).toBe(true)
  parking.remove(3, 'a')
  expect([4, 5].map((sequence) => parking.isBlocked('a', sequence))).toEqual([false, true])
  const order = (): number[] => parking.due(10, none, 9, none).map(({ sequence }) => sequence)
  expect(order()).toEqual([2, 1, 5])
  parking.remove(2, 'a')
  parking.add(message(2, 'a', 0))
  expect(order()).toEqual([2, 1, 5])
  parking.add(message(4, 'a', 0))
  expect(order()).toEqual([4, 2, 1, 5])
})
