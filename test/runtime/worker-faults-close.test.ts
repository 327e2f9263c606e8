import { describe, expect, test } from 'vitest'
import { deliveries } from '../../src/core/delivery.js'
import { orders } from '../fixtures/orders.js'
import { FaultySetting } from './faults.js'
import { next, pushAll, until } from './verbs.js'

const count = 400
/** A close's own work, on a busy machine. */
const closeMs = 3000

const settings = deliveries.flatMap((delivery) => [
  { delivery, shards: 1, workers: 1 },
  { delivery, shards: 4, workers: 1 },
  { delivery, shards: 4, workers: 2 },
])

describe.each(settings)('$delivery, $shards shards, $workers workers', (setting) => {
  const kept = setting.delivery !== 'at-most-once'

  /** What the closed stream left is done by the next one, where the delivery keeps it. */
  async function expectTheRest(faulty: FaultySetting): Promise<void> {
    if (!kept) return
    const again = await faulty.open({ poison: '' })
    await again.drain({ timeout: 15_000 })
    expect(again.counters()).toMatchObject({ stored: count, processed: count })
    faulty.expectWritten(count)
    await again.close()
  }

  test.each([0, 300])(
    'a close with %d ms while a handler loops for ever ends in time',
    async (timeout) => {
      const faulty = new FaultySetting({ ...setting, poison: '100', by: 'loop' })
      const stream = await faulty.open()
      await pushAll(stream, orders(0, count))
      await until(() => faulty.runs(100) === 1, 'the loop')
      const begun = performance.now()
      await stream.close({ timeout })
      expect(performance.now() - begun).toBeLessThan(timeout + closeMs)
      await expectTheRest(faulty)
    },
  )

  test('a close while a worker is being replaced ends in order', async () => {
    const faulty = new FaultySetting({ ...setting, poison: '100', times: 1 })
    const stream = await faulty.open()
    const replaced = next(stream, 'worker-replaced')
    await pushAll(stream, orders(0, count))
    await replaced
    await stream.close()
    const { stored, processed, dropped, inFlight } = stream.counters()
    expect({ stored, done: processed + dropped, inFlight }).toEqual({
      stored: count,
      done: count,
      inFlight: 0,
    })
    await expectTheRest(faulty)
  })

  test('a close that waits for nobody, while a worker dies again and again, ends in order', async () => {
    const faulty = new FaultySetting({ ...setting, poison: '100', attempts: 1000, backoff: 0 })
    const stream = await faulty.open()
    const replaced = next(stream, 'worker-replaced')
    await pushAll(stream, orders(0, count))
    await replaced
    const begun = performance.now()
    await stream.close({ timeout: 0 })
    expect(performance.now() - begun).toBeLessThan(closeMs)
    await expectTheRest(faulty)
  })

  test('a close while many are in flight leaves them to the next opening', async () => {
    const faulty = new FaultySetting({
      ...setting,
      how: 'async',
      poison: 'all',
      by: 'slow',
      ms: 2,
    })
    const stream = await faulty.open()
    await pushAll(stream, orders(0, count))
    await until(() => stream.counters().processed > 0, 'a start')
    await stream.close({ timeout: 50 })
    const { processed } = stream.counters()
    expect(processed).toBeLessThan(count)
    await expectTheRest(faulty)
  })
})
