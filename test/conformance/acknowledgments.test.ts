// How messages end, and what their senders are told of it: the nine combinations of delivery and
// acknowledgment through one suite. The faults are in acknowledgment-faults.test.ts.
import type { BatchedEnd, Completion, Counters, End, Receipt } from 'semel'
import { describe, expect, test } from 'vitest'
import { done, task, tasks, type Done, type Task } from '../fixtures/tasks.js'
import { expectBalanced, until } from '../runtime/verbs.js'
import {
  AcknowledgedSetting,
  combinations,
  LateEnds,
  onDisk,
  watched,
  type Acknowledged,
  type Combination,
} from './acknowledgments.js'

const byPlace = (a: Done, b: Done): number => a.id - b.id || a.part - b.part

/** As the counters name outcomes. */
function counted(ends: readonly { outcome: string }[]): Partial<Counters> {
  const number = (outcome: string): number => ends.filter((end) => end.outcome === outcome).length
  return {
    processed: number('processed'),
    filtered: number('filtered'),
    duplicate: number('duplicate'),
    deadLettered: number('dead-lettered'),
    dropped: number('dropped'),
    stored: ends.length,
    parked: 0,
    inFlight: 0,
  }
}

const dropped = (text: string) => ({
  outcome: 'dropped',
  error: expect.objectContaining({ name: 'SemelError', code: 'SEMEL_DROPPED', message: text }),
})

/** The outcome that a task asks for; at most once there is one attempt. */
function expectedOf({ delivery }: Combination, { act, id }: Task): Record<string, unknown> {
  const isTriedAgain = delivery !== 'at-most-once'
  switch (act) {
    case 'filter':
      return { outcome: 'filtered' }
    case 'flaky':
      return isTriedAgain ? { outcome: 'processed' } : dropped(`Error: task ${id} fails once`)
    case 'fail':
      if (!isTriedAgain) return dropped(`Error: task ${id} fails`)
      return {
        outcome: 'dead-lettered',
        attempts: 2,
        error: expect.objectContaining({
          name: 'SemelError',
          code: 'SEMEL_DEAD_LETTERED',
          message: `Error: task ${id} fails`,
        }),
      }
    default:
      return { outcome: 'processed' }
  }
}

function expectResults(end: Completion<Done> | End, { id, act }: Task): void {
  const results = act === 'double' ? [done(id), done(id, 1)] : [done(id)]
  expect(end).toMatchObject({ result: results[0], results })
}

describe.each([...combinations, ...onDisk])(
  '$delivery, $acknowledge, $workers workers, $durability',
  (under) => {
    const { acknowledge, durability } = under

    test('tells each sender how its message ended, in truth, and as the counters count', async () => {
      const setting = new AcknowledgedSetting(under)
      const stream = await setting.open({}, { known: 'yes' })
      const late = new LateEnds(stream)
      const acts = ['pass', 'filter', 'double', 'flaky', 'fail', 'pass', 'pass'] as const
      const sent = Array.from({ length: 70 }, (_, id) => task(id, acts[id % acts.length]))
      const copies = sent.filter(({ act }) => act === 'double')
      const told: Acknowledged[] = await Promise.all(
        [...sent, ...copies].map((one) => stream.send(one)),
      )
      const ends = await Promise.all(told.map((one) => late.endOf(one)))
      await stream.drain({ timeout: 10_000 })

      for (const [at, end] of ends.entries()) {
        const isCopy = at >= sent.length
        const one = isCopy ? (copies[at - sent.length] as Task) : (sent[at] as Task)
        expect(end, `${one.act} ${one.id}`).toMatchObject({
          ...(isCopy ? { outcome: 'duplicate' } : expectedOf(under, one)),
          durability,
          shard: 0,
          // In the order of sending, whichever way they end.
          sequence: at + 1,
        })
        if (end.outcome !== 'dead-lettered') expect(end.attempts).toBeUndefined()
        if (acknowledge === 'processed' && end.outcome === 'processed') expectResults(end, one)
        else expect(end).not.toHaveProperty('results')
      }
      expect(stream.counters()).toMatchObject(counted(ends))
      expectBalanced(stream.counters())
      // Only a batch is told of before the end of a message that was parked.
      const parked = told.filter(({ outcome }) => outcome === 'parked')
      if (acknowledge !== 'batched') expect(parked).toEqual([])
      expect(stream.lateOutcomes).toBe(parked.length)
      await stream.close()
      const written = ends.flatMap(({ outcome, sequence }) => {
        const one = sent[sequence - 1]
        if (outcome !== 'processed' || one === undefined) return []
        return one.act === 'double' ? [done(one.id), done(one.id, 1)] : [done(one.id)]
      })
      expect(setting.written().toSorted(byPlace)).toEqual(written.toSorted(byPlace))
    })

    test('tells them no sooner than the mode says', async () => {
      const setting = new AcknowledgedSetting(under)
      const stream = await setting.open()
      const sending: Promise<Acknowledged> = stream.send(task(1, 'hold'))
      const send = watched(sending)
      let outcome: { value?: unknown } = send
      if (acknowledge === 'stored') {
        const receipt = (await sending) as Receipt
        expect(receipt).toMatchObject({ shard: 0, sequence: 1, durability })
        outcome = watched(receipt.outcome)
      }
      await until(() => stream.counters().stored === 1)
      // The batch is over long before.
      await new Promise((resolve) => {
        setTimeout(resolve, 15)
      })
      expect(outcome.value).toBeUndefined()
      expect(stream.counters()).toMatchObject({ processed: 0, inFlight: 1 })
      setting.openGate()
      await until(() => outcome.value !== undefined)
      expect(outcome.value).toMatchObject({ outcome: 'processed', sequence: 1, durability })
      // What was told is in the sink.
      expect(setting.written()).toEqual([done(1)])
      expect(stream.counters()).toMatchObject({ processed: 1, inFlight: 0 })
    })

    test('tells them in the order of sending, and of each key its effects are in that order', async () => {
      const setting = new AcknowledgedSetting(under)
      const stream = await setting.open()
      const order: number[] = []
      await Promise.all(
        tasks(0, 200).map(async ({ id }) => {
          // Some with results, some without: the former take another way back.
          await stream.send(task(id, id % 7 === 0 ? 'filter' : 'pass'))
          order.push(id)
        }),
      )
      expect(order).toEqual(Array.from({ length: 200 }, (_, id) => id))
      await stream.drain({ timeout: 10_000 })
      expect(setting.writtenIds()).toEqual(order.filter((id) => id % 7 !== 0))
    })

    test('tells who still waits at the end that it is closed', async () => {
      const setting = new AcknowledgedSetting(under)
      const stream = await setting.open()
      let waiting: Promise<unknown> = stream.send(task(1, 'hold')) as Promise<Acknowledged>
      if (acknowledge === 'stored') waiting = ((await waiting) as Receipt).outcome
      const told = watched(waiting)
      await until(() => stream.counters().stored === 1)
      await stream.close({ timeout: 20 })
      await expect(waiting).rejects.toMatchObject({
        name: 'ClosedError',
        code: 'SEMEL_CLOSED',
        message: 'the stream is closed; open it again to go on',
      })
      expect(told.value).toBeUndefined()
      if (!setting.isKept) return
      // Not known is not failed: it was stored, and is done at the next opening.
      setting.openGate()
      const again = await setting.open()
      await again.drain({ timeout: 10_000 })
      expect(again.counters()).toMatchObject({ stored: 1, processed: 1 })
      expect(setting.written()).toEqual([done(1)])
    })
  },
)

describe.each(combinations.filter(({ acknowledge }) => acknowledge === 'batched'))(
  'batches under $delivery, $workers workers',
  (under) => {
    interface Told {
      readonly number: number
      readonly statuses: readonly { status: string; end?: BatchedEnd; message: Task }[]
    }

    async function openedWith(acknowledge: { batched: number; within: string }) {
      const setting = new AcknowledgedSetting(under)
      const batches: Told[] = []
      const onBatch = (batch: unknown): void => {
        batches.push(batch as Told)
      }
      const stream = await setting.open({
        acknowledge: { ...acknowledge, onBatch } as never,
      })
      return { setting, stream, batches }
    }

    const idsOf = ({ statuses }: Told): number[] => statuses.map(({ message }) => message.id)

    test('are told of when they are full, with the statuses in the order of sending', async () => {
      const { stream, batches } = await openedWith({ batched: 8, within: '1h' })
      const told = await Promise.all(
        tasks(0, 24).map((one) => stream.send(one) as Promise<Acknowledged>),
      )
      expect(told.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: 24 }, (_, at) => at + 1),
      )
      expect(batches.map(({ number }) => number)).toEqual([1, 2, 3])
      expect(batches.flatMap(idsOf)).toEqual(Array.from({ length: 24 }, (_, id) => id))
      for (const { statuses } of batches) {
        expect(statuses).toHaveLength(8)
        for (const status of statuses) {
          expect(status).toMatchObject({ status: 'acknowledged', end: { outcome: 'processed' } })
        }
      }
    })

    test('are told of when their time is over, and not before', async () => {
      const { stream, batches } = await openedWith({ batched: 1000, within: '30ms' })
      const start = performance.now()
      const sending = tasks(0, 3).map((one) => stream.send(one))
      await until(() => stream.counters().processed === 3)
      if (performance.now() - start < 25) expect(batches).toEqual([])
      await Promise.all(sending)
      expect(performance.now() - start).toBeGreaterThan(25)
      expect(batches.map(idsOf)).toEqual([[0, 1, 2]])
    })

    test('hold what was pushed, and tell of a parked message before its end', async () => {
      const { stream, batches, setting } = await openedWith({ batched: 4, within: '1h' })
      const late = new LateEnds(stream as never)
      for (const one of [task(0), task(1, 'flaky'), task(2, 'filter'), task(3)]) {
        expect(stream.push(one)).toBe(true)
      }
      await until(() => batches.length === 1)
      const outcomes = batches[0]?.statuses.map(({ end }) => end?.outcome)
      const flaky = batches[0]?.statuses[1]?.end as BatchedEnd
      if (!setting.isKept) {
        expect(outcomes).toEqual(['processed', 'dropped', 'filtered', 'processed'])
        return
      }
      // Tried again after 5 ms: its batch may be told of before or after that.
      expect(outcomes).toEqual([
        'processed',
        expect.stringMatching(/^(?:parked|processed)$/),
        'filtered',
        'processed',
      ])
      await stream.drain({ timeout: 10_000 })
      if (flaky.outcome !== 'parked') return
      expect(await late.of(flaky)).toMatchObject({ outcome: 'processed', sequence: 2 })
      expect(stream.lateOutcomes).toBe(1)
    })
  },
)
