// What senders are told when something goes wrong: each fault over all nine combinations.
import type { AckTimeoutError } from 'semel'
import { describe, expect, test } from 'vitest'
import { orders } from '../fixtures/orders.js'
import { done, task, tasks } from '../fixtures/tasks.js'
import { FaultySetting } from '../runtime/faults.js'
import { next, startFixture, until } from '../runtime/verbs.js'
import {
  AcknowledgedSetting,
  combinations,
  isReceipt,
  LateEnds,
  watched,
  type Acknowledged,
  type TaskStream,
} from './acknowledgments.js'

const unknownText = (ms: number): string =>
  `no acknowledgment within ${ms} ms: the message's outcome is unknown, and the same id may be sent again`
const noRoomText = (ms: number): string =>
  `no room for the message within ${ms} ms: it is not stored, and may be sent again`

/** Sends them all at once, and waits for their ends; in the order of the tasks. */
async function endsOf(stream: TaskStream, sent: readonly ReturnType<typeof task>[]) {
  const late = new LateEnds(stream)
  const told: Acknowledged[] = await Promise.all(sent.map((one) => stream.send(one)))
  return Promise.all(told.map((one) => late.endOf(one)))
}

/** A stream whose room is taken by two tasks that wait for the gate. */
async function fullStream(setting: AcknowledgedSetting) {
  const stream = await setting.open({
    awaitedMax: 2,
    acknowledge:
      setting.under.acknowledge === 'batched'
        ? { batched: 2, within: '5ms' }
        : setting.under.acknowledge,
  })
  const holders: Promise<Acknowledged>[] = [task(1, 'hold'), task(2, 'hold')].map((one) =>
    stream.send(one),
  )
  await until(() => stream.counters().stored === 2)
  return { stream, holders }
}

describe.each(combinations)('$delivery, $acknowledge, $workers workers', (under) => {
  const { acknowledge, delivery, workers } = under

  test('a slow sink and a full ring: every sender is told, and in order', async () => {
    const setting = new AcknowledgedSetting(under)
    const stream = await setting.open({ awaitedMax: 16 }, { slow: 0 })
    // Far more than the ring holds, and than may be awaited.
    const sent = tasks(0, 120, 'pass', 'x'.repeat(1000))
    const ends = await endsOf(stream, sent)
    expect(ends.map(({ outcome, sequence }) => [outcome, sequence])).toEqual(
      sent.map((_, at) => ['processed', at + 1]),
    )
    expect(setting.writtenIds()).toEqual(sent.map(({ id }) => id))
    expect(stream.counters()).toMatchObject({ stored: 120, processed: 120 })
  })

  test('a signal ends the wait: before, for room, and behind it', async () => {
    const setting = new AcknowledgedSetting(under)
    const { stream, holders } = await fullStream(setting)
    const reason = new Error('enough')

    await expect(stream.send(task(3), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)

    const waiting = new AbortController()
    const withdrawn = stream.send(task(4), { signal: waiting.signal })
    const behind: Promise<Acknowledged> = stream.send(task(5))
    waiting.abort(reason)
    await expect(withdrawn).rejects.toBe(reason)
    expect(stream.counters().stored).toBe(2)

    setting.openGate()
    const late = new LateEnds(stream)
    await Promise.all([...holders, behind].map(async (one) => late.endOf(await one)))

    // On its way, and out of reach: it is stored, and its end comes late.
    const taken = new AbortController()
    const lateEnd = next(stream, 'late-outcome')
    const unknown = stream.send(task(6), { signal: taken.signal })
    taken.abort(reason)
    await expect(unknown).rejects.toBe(reason)
    expect(await lateEnd).toMatchObject({ outcome: 'processed', sequence: 4, shard: 0 })
    expect(stream.lateOutcomes).toBe(1)
    await stream.drain({ timeout: 10_000 })
    expect(setting.writtenIds()).toEqual([1, 2, 5, 6])
  })

  test('a timeout says whether the message was taken; a late outcome is told', async () => {
    const setting = new AcknowledgedSetting(under)
    const { stream, holders } = await fullStream(setting)
    const refused = (await stream
      .send(task(3), { timeout: 10 })
      .catch((error: unknown) => error)) as AckTimeoutError
    expect(refused).toMatchObject({
      name: 'AckTimeoutError',
      code: 'SEMEL_ACK_TIMEOUT',
      retriable: true,
      taken: false,
      message: noRoomText(10),
    })
    expect(stream.lateOutcomes).toBe(0)
    setting.openGate()
    const late = new LateEnds(stream)
    await Promise.all(holders.map(async (one) => late.endOf(await one)))
    expect(stream.counters()).toMatchObject({ stored: 2, processed: 2 })
  })

  test('a timeout of what was taken is unknown, not failed; the same id may be sent again', async (t) => {
    if (acknowledge === 'stored' && delivery === 'at-most-once') {
      return t.skip('in memory a message is stored as soon as it is taken')
    }
    const setting = new AcknowledgedSetting(under)
    const lazily = acknowledge === 'stored' ? { durability: { interval: 3_600_000 } } : {}
    const stream = await setting.open(lazily, { known: 'yes' })
    const late = next(stream, 'late-outcome')
    const unknown = (await stream
      .send(task(1, 'hold'), { timeout: 20 })
      .catch((error: unknown) => error)) as AckTimeoutError
    expect(unknown).toMatchObject({
      name: 'AckTimeoutError',
      code: 'SEMEL_ACK_TIMEOUT',
      retriable: true,
      taken: true,
      message: unknownText(20),
    })
    expect(stream.counters()).toMatchObject({ stored: 1, processed: 0 })
    expect(stream.lateOutcomes).toBe(0)
    const again: Promise<Acknowledged> = stream.send(task(1))
    watched(again)
    setting.openGate()
    await until(() => stream.counters().duplicate === 1)
    await stream.drain({ timeout: 10_000 })
    expect(await late).toMatchObject({ outcome: 'processed', sequence: 1 })
    expect(stream.lateOutcomes).toBe(1)
    const told = await again
    const end = isReceipt(told) ? await told.outcome : told
    expect(end).toMatchObject({ outcome: 'duplicate', sequence: 2 })
    expect(setting.written()).toEqual([done(1)])
  })

  test('a worker dies: every sender is told, and in truth', async (t) => {
    if (workers === 0) return t.skip('inline there is no worker but the program itself')
    const faulty = new FaultySetting(
      { delivery, known: 'yes', poison: '30', by: 'exit', times: 1 },
      { acknowledge: acknowledge === 'batched' ? { batched: 8, within: '5ms' } : acknowledge },
    )
    const stream = await faulty.open()
    const ends = await endsOf(stream as never, orders(0, 60) as never)
    const outcomes = ends.map(({ outcome }) => outcome)
    const lost = delivery === 'at-most-once' ? outcomes.filter((one) => one === 'dropped') : []
    expect(outcomes.filter((one) => one !== 'processed')).toEqual(lost)
    if (delivery === 'at-most-once') expect(outcomes[30]).toBe('dropped')
    await stream.drain({ timeout: 10_000 })
    expect(stream.counters()).toMatchObject({
      stored: 60,
      processed: 60 - lost.length,
      dropped: lost.length,
    })
    faulty.expectWritten(
      60,
      orders(0, 60).flatMap(({ id }) => (outcomes[id] === 'dropped' ? [id] : [])),
    )
  })

  test('kill -9: what was acknowledged is there afterwards, and what was not may be sent again', async () => {
    const setting = new AcknowledgedSetting(under)
    const program = startFixture(
      'task-sender',
      setting.url().href,
      JSON.stringify({ ...setting.options }),
    )
    await program.lines(100)
    program.kill()
    const { signal, stdout } = await program.ended
    expect(signal).toBe('SIGKILL')
    const said = (what: string): number[] =>
      stdout
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.endsWith(what))
        .map((line) => Number(line.split(' ')[0]))
    const [stored, ended] = [said('stored'), said('ended')]
    expect(ended.length).toBeGreaterThan(10)

    // The effect of what had ended was there at that moment.
    const before = new Set(setting.writtenIds())
    expect(ended.filter((id) => !before.has(id))).toEqual([])
    if (!setting.isKept) {
      expect(setting.writtenIds()).toHaveLength(before.size)
      return
    }
    const stream = await setting.open()
    await stream.drain({ timeout: 10_000 })
    const ids = setting.writtenIds()
    expect(new Set(ids).size).toBe(ids.length)
    expect([...stored, ...ended].filter((id) => !ids.includes(id))).toEqual([])
    if (delivery !== 'exactly-once') return
    // Whoever was not told sends all again.
    const all = tasks(0, Math.max(...ids) + 20)
    const ends = await endsOf(stream, all)
    expect(ends.map(({ outcome }) => outcome)).toEqual(
      all.map(({ id }) => (ids.includes(id) ? 'duplicate' : 'processed')),
    )
    expect(setting.writtenIds().toSorted((a, b) => a - b)).toEqual(all.map(({ id }) => id))
  })
})
