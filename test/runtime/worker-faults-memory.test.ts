import { describe, expect, test } from 'vitest'
import { orders } from '../fixtures/orders.js'
import { expectDeaths, FaultySetting, keptDeliveries } from './faults.js'
import { next, pushAll } from './verbs.js'

const count = 200

describe.each(keptDeliveries)('%s', (delivery) => {
  test.each(['sync', 'async', 'batch'] as const)(
    'a handler of a %s pipeline that eats memory ends its worker, not the process',
    async (how) => {
      const faulty = new FaultySetting(
        { delivery, how, shards: 4, workers: 2, poison: '50', by: 'memory', attempts: 1 },
        { workerMemory: '48MiB' },
      )
      const stream = await faulty.open()
      await pushAll(stream, orders(0, count))
      await stream.drain({ timeout: 25_000 })
      expect(stream.counters()).toMatchObject({ processed: count - 1, deadLettered: 1 })
      faulty.expectWritten(count, [50])
      const [letter] = [...stream.deadLetters.list()]
      expectDeaths(letter, 1, /^worker died: .*memory limit/)
    },
  )
})

test('at most once, what was in flight goes with the worker', async () => {
  const faulty = new FaultySetting(
    { delivery: 'at-most-once', poison: '50', by: 'memory' },
    { workerMemory: '48MiB' },
  )
  const stream = await faulty.open()
  const replaced = next(stream, 'worker-replaced')
  await pushAll(stream, orders(0, count))
  await replaced
  await stream.drain({ timeout: 25_000 })
  const { processed, dropped } = stream.counters()
  expect(processed + dropped).toBe(count)
})
