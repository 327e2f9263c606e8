import { join } from 'node:path'
import type { OpenOptions, SemelError } from 'semel'
import { describe, expect, test } from 'vitest'
import { deliveries, type Delivery } from '../../src/core/delivery.js'
import { keys, order, orders, type Order } from '../fixtures/orders.js'
import { deathsOf, FaultySetting } from './faults.js'
import { fixture, next, opened, outputs, pushAll, scratch, small, whileBalanced } from './verbs.js'

const count = 2000

function setting(delivery: Delivery, parameters: Record<string, string | number>) {
  const dir = scratch()
  const to = join(dir, 'out.ndjson')
  const data = join(dir, 'data')
  const kept = delivery !== 'at-most-once'
  const options: OpenOptions = {
    ...small,
    shards: 4,
    workers: 2,
    ...(kept ? { dir: data, durability: 'process' } : {}),
  }
  const url = (more = parameters): URL =>
    fixture('orders.pipeline', { to, delivery, how: 'sync', ...more })
  return { data, url, options, written: () => outputs<Order>(to, 4) }
}

const ways = ['exit', 'throw', 'reject'].flatMap((by) =>
  ['sync', 'async', 'batch'].map((how) => [by, how]),
)

describe.each(deliveries)('%s', (delivery) => {
  test.each(ways)(
    'keeps its promise when a worker dies by %s in a %s pipeline',
    async (by, how) => {
      const die = Math.floor(Math.random() * count)
      const { url, options, written } = setting(delivery, {
        die,
        by: by as string,
        how: how as string,
      })
      const stream = await opened<Order>(url(), options)
      const replaced = next<{ worker: number; error: string; deaths: number }>(
        stream,
        'worker-replaced',
      )
      await whileBalanced(stream, async () => {
        await pushAll(stream, orders(0, count))
        await stream.drain({ timeout: 10_000 })
      })
      expect(await replaced).toMatchObject({ worker: expect.any(Number), deaths: 1 })
      const { stored, processed, dropped } = stream.counters()
      expect({ stored, done: processed + dropped }).toEqual({ stored: count, done: count })
      await stream.close()
      const found = written()
      const distinct = new Set(found.map(({ id }) => id))
      const missing = count - distinct.size
      if (delivery === 'at-most-once') {
        expect(found).toHaveLength(distinct.size)
        expect(missing, `the worker died at ${die}`).toBe(dropped)
        // Those in flight go with the worker; the others die a turn later, when all may be committed.
        if (by === 'exit') expect(dropped).toBeGreaterThan(0)
      } else {
        expect(missing, `the worker died at ${die}`).toBe(0)
        expect(dropped).toBe(0)
      }
      if (delivery === 'exactly-once') expect(found).toHaveLength(count)
      for (const key of keys) {
        const numbers = found.filter((one) => one.key === key).map(({ n }) => n)
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
      }
    },
  )
})

test('a worker that dies although no message is to blame ends the stream, and nothing stored is lost', async () => {
  const faulty = new FaultySetting({ delivery: 'exactly-once', by: 'start', ms: 30 })
  const stream = await faulty.open()
  const deaths = deathsOf(stream)
  const failed = next<SemelError>(stream, 'failed')
  const error = await failed
  expect(error).toMatchObject({ name: 'SemelError', code: 'SEMEL_WORKER' })
  expect(error.message).toMatch(/died 10 times .* mend the handler, then open the stream again/)
  expect(deaths.at(-1)?.deaths).toBe(9)
  expect(() => stream.push(order(0))).toThrow(error)
  await stream.close()
  const again = await faulty.open({ by: 'exit' })
  await pushAll(again, orders(0, 100))
  await again.drain({ timeout: 10_000 })
  faulty.expectWritten(100)
}, 20_000)

test('deaths with messages done in between are survived without end', async () => {
  const { options, url } = setting('at-most-once', {})
  const stream = await opened<Order>(url({ die: 5, by: 'always' }), {
    ...options,
    shards: 1,
    workers: 1,
  })
  let replaced = 0
  stream.on('worker-replaced', () => {
    replaced += 1
  })
  // At most once: the message that kills is not delivered again, so each death is a new one.
  for (let death = 0; death < 12; death++) {
    const event = next(stream, 'worker-replaced')
    await pushAll(stream, orders(5, 6))
    await event
  }
  await pushAll(stream, orders(0, 5))
  await stream.drain({ timeout: 10_000 })
  expect(replaced).toBe(12)
  expect(stream.counters()).toMatchObject({ stored: 17, processed: 5, dropped: 12 })
}, 20_000)
