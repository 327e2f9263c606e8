import { describe, expect, test } from 'vitest'
import { orders } from '../fixtures/orders.js'
import { deathsOf, expectDeaths, FaultySetting, keptDeliveries } from './faults.js'
import { next, pushAll, until } from './verbs.js'

const heartbeatMs = 1000
/** A new thread's start on a machine that is busy with other tests. */
const startMs = 2000
const count = 200
const wait = { timeout: 25_000 }

const settings = keptDeliveries.flatMap((delivery) =>
  [
    { shards: 1, workers: 1 },
    { shards: 4, workers: 2 },
  ].flatMap((size) =>
    (['sync', 'async', 'batch'] as const).map((how) => ({ delivery, how, ...size })),
  ),
)

/** What does not hold the loop up for a heartbeat is left alone. */
async function expectNobodyReplaced(
  faulty: FaultySetting,
  work: () => Promise<void> = async () => {},
): Promise<void> {
  const stream = await faulty.open()
  const deaths = deathsOf(stream)
  await work()
  await pushAll(stream, orders(0, count))
  await stream.drain(wait)
  expect(deaths).toEqual([])
  faulty.expectWritten(count)
}

describe.each(settings)('$delivery, $how, $shards shards, $workers workers', (setting) => {
  test('an endless loop is ended within two heartbeats, and goes on as a dead letter', async () => {
    const faulty = new FaultySetting(
      { ...setting, poison: '77', by: 'loop', attempts: 1 },
      { heartbeat: heartbeatMs },
    )
    const stream = await faulty.open()
    const deaths = deathsOf(stream)
    const replaced = next(stream, 'worker-replaced')
    await pushAll(stream, orders(0, count))
    await until(() => faulty.runs(77) === 1, 'the loop')
    const begun = performance.now()
    await replaced
    const tookMs = performance.now() - begun
    expect(tookMs).toBeGreaterThan(heartbeatMs * 0.9)
    expect(tookMs).toBeLessThan(heartbeatMs * 2)
    await until(() => faulty.runs(77) === 2 || faulty.written().length >= count - 1, 'a new start')
    expect(performance.now() - begun).toBeLessThan(heartbeatMs * 2 + startMs)
    await stream.drain(wait)
    expect(stream.counters()).toMatchObject({ processed: count - 1, deadLettered: 1 })
    faulty.expectWritten(count, [77])
    expect(deaths[0]?.error).toMatch(/^no sign of life for 1000 ms \(an endless loop, or a call/)
    expectDeaths([...stream.deadLetters.list()][0], 1, /^worker died: no sign of life/)
  })
})

test('at most once, an endless loop takes along what was in flight', async () => {
  const faulty = new FaultySetting(
    { delivery: 'at-most-once', poison: '77', by: 'loop', shards: 4, workers: 2 },
    { heartbeat: 300 },
  )
  const stream = await faulty.open()
  const replaced = next(stream, 'worker-replaced')
  await pushAll(stream, orders(0, count))
  await replaced
  await stream.drain(wait)
  const { processed, dropped } = stream.counters()
  expect(processed + dropped).toBe(count)
  expect(dropped).toBeGreaterThan(0)
  expect(faulty.runs(77)).toBe(1)
})

test('handlers that each take their time, and together much more, are left alone', async () => {
  await expectNobodyReplaced(
    new FaultySetting(
      { delivery: 'at-least-once', poison: 'all', by: 'slow', ms: 20 },
      { heartbeat: 500 },
    ),
  )
})

test('a main thread that was blocked for many heartbeats looks again before it judges', async () => {
  await expectNobodyReplaced(
    new FaultySetting({ delivery: 'at-least-once', shards: 4, workers: 2 }, { heartbeat: 500 }),
    async () => {
      for (let round = 0; round < 2; round++) {
        const end = performance.now() + 1500
        while (performance.now() < end);
        await new Promise((resolve) => {
          setTimeout(resolve, 50)
        })
      }
    },
  )
})

test('with a heartbeat of 0 nobody is ended', async () => {
  await expectNobodyReplaced(
    new FaultySetting(
      { delivery: 'at-least-once', poison: '5', by: 'slow', ms: 1500 },
      { heartbeat: 0 },
    ),
  )
})

test('a worker that waits for messages beats', async () => {
  for (const waiting of ['spin', 'balanced', 'park'] as const) {
    await expectNobodyReplaced(
      new FaultySetting({ delivery: 'at-least-once' }, { heartbeat: 300, waiting }),
      () =>
        new Promise((resolve) => {
          setTimeout(resolve, 1000)
        }),
    )
  }
})
