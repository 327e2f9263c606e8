import { expect, test } from 'vitest'
import { orders } from '../fixtures/orders.js'
import { FaultySetting } from '../runtime/faults.js'
import { next, pushAll } from '../runtime/verbs.js'

// What a worker had under way when it died was dropped, and its ids were forgotten with it: a copy that
// was sent again ran a second time, under at-most-once.
test('a copy of what a dying worker had under way is a duplicate at most once', async () => {
  const setting = new FaultySetting({ delivery: 'at-most-once', known: 'yes', poison: '1' })
  const stream = await setting.open()
  const replaced = next(stream, 'worker-replaced')
  await pushAll(stream, orders(0, 3))
  await replaced
  await pushAll(stream, orders(0, 3))
  await stream.drain({ timeout: 10_000 })
  expect(setting.runs(1)).toBe(1)
  const { processed, dropped, duplicate } = stream.counters()
  expect(processed + dropped).toBe(3)
  expect(duplicate).toBe(3)
})
