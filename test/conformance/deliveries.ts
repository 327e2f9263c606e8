import { join } from 'node:path'
import {
  inspectDirectory,
  memorySource,
  type Delivery,
  type Durability,
  type OpenOptions,
} from 'semel'
import { describe, expect, test } from 'vitest'
import { keys, order, orders, type Order } from '../fixtures/orders.js'
import {
  expectBalanced,
  fixture,
  opened,
  outputs,
  pushAll,
  scratch,
  small,
  startFixture,
  whileBalanced,
} from '../runtime/verbs.js'

/** One way to run a pipeline. */
export interface DeliveryUnderTest {
  readonly delivery: Delivery
  readonly workers: number
  readonly shards: number
  readonly durability: Durability
}

function expectInOrder(written: readonly Order[]): void {
  for (const key of keys) {
    const numbers = written.filter((one) => one.key === key).map(({ n }) => n)
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  }
}

const byId = (written: readonly Order[]): Order[] => written.toSorted((a, b) => a.id - b.id)

export function describeDelivery(under: DeliveryUnderTest): void {
  const { delivery, workers, shards, durability } = under
  const isKept = delivery !== 'at-most-once'
  const name = [
    delivery,
    typeof durability === 'string' ? durability : `every ${durability.interval} ms`,
    `${workers} workers`,
    `${shards} shards`,
  ].join(', ')

  /** A directory, the file that the outputs go to, and how to open the one on the other. */
  function setting() {
    const dir = scratch()
    const to = join(dir, 'out.ndjson')
    const options: OpenOptions = {
      ...under,
      ...small,
      ...(isKept ? { dir: join(dir, 'data') } : {}),
    }
    return {
      dir: join(dir, 'data'),
      options,
      url: (how: string, more: Record<string, string | number> = {}) =>
        fixture('orders.pipeline', { to, delivery, how, ...more }),
      written: () => outputs<Order>(to, shards),
    }
  }

  describe(name, () => {
    test('gives every message one outcome, in order per key, and the counters show it', async () => {
      // One after another on the same sink: sync, async, batch.
      const { url, options, written, dir } = setting()
      let from = 0
      for (const how of ['sync', 'async', 'batch']) {
        const stream = await opened<Order>(url(how), options)
        const before = stream.counters().stored
        await whileBalanced(stream, async () => {
          await pushAll(stream, orders(from, from + 2000))
          await stream.drain({ timeout: 10_000 })
        })
        const { stored, processed, inFlight } = stream.counters()
        expect({ stored: stored - before, inFlight }).toEqual({ stored: 2000, inFlight: 0 })
        expect(processed).toBe(stored)
        await stream.close()
        from += 2000
        expect(byId(written())).toEqual(orders(0, from))
      }
      expectInOrder(written())
      if (!isKept) return
      const total = inspectDirectory(dir).shards.reduce((sum, shard) => sum + shard.processed, 0)
      expect(total).toBe(6000)
    })

    test('drops copies, also within one batch, where it knows ids', async () => {
      const { url, options, written } = setting()
      const stream = await opened<Order>(url('sync', { dedup: 'on' }), options)
      await whileBalanced(stream, async () => {
        await pushAll(stream, [order(0), order(0), ...orders(0, 200), ...orders(0, 200)])
        await stream.drain({ timeout: 10_000 })
        await pushAll(stream, [...orders(100, 300), order(299)])
        await stream.drain({ timeout: 10_000 })
      })
      expect(stream.counters()).toMatchObject({ processed: 300, duplicate: 303 })
      await stream.close()
      expect(byId(written())).toEqual(orders(0, 300))
      expectInOrder(written())
    })

    test('goes on where it was after a close, and repeats nothing', async (t) => {
      if (!isKept) return t.skip('at-most-once keeps nothing for the next opening')
      const { dir, url, options, written } = setting()
      const messages = orders(0, 1500)
      for (const end of [500, 1500]) {
        const stream = await opened<Order>(url('async'), options)
        await stream.consume(memorySource(messages.slice(0, end)))
        // Not drained: what is in flight is finished by `close`, or by the next opening.
        await stream.close()
      }
      expect(byId(written())).toEqual(messages)
      expectInOrder(written())
      for (const shard of inspectDirectory(dir).shards) {
        expect(shard).toMatchObject({ clean: true, parked: 0, epoch: expect.any(Number) })
        expectBalanced({ ...shard, inFlight: 0 })
      }
    })

    test('repeats nothing of what a close without time to drain has left behind', async (t) => {
      if (!isKept) return t.skip('at-most-once keeps nothing for the next opening')
      const { url, options, written } = setting()
      const first = await opened<Order>(url('async'), options)
      await first.consume(memorySource(orders(0, 2000)))
      await first.close({ timeout: 0 })
      const second = await opened<Order>(url('async'), options)
      await second.drain({ timeout: 10_000 })
      await second.close()
      expect(byId(written())).toEqual(orders(0, 2000))
      expectInOrder(written())
    })
  })
}

/** A process is killed at random moments, again and again; only its sink file is believed. */
export function describeKills(under: DeliveryUnderTest): void {
  const { delivery, shards } = under

  function setting() {
    const dir = scratch()
    const to = join(dir, 'out.ndjson')
    const url = fixture('orders.pipeline', { to, delivery, how: 'async' })
    const options = JSON.stringify({ ...under, ...small, dir: join(dir, 'data') })
    return { url, options, written: () => outputs<Order>(to, shards) }
  }

  function expectAll(written: readonly Order[], ids: Iterable<number>): void {
    const found = new Set(written.map(({ id }) => id))
    expect([...ids].filter((id) => !found.has(id))).toEqual([])
    if (delivery === 'exactly-once') expect(written).toHaveLength(found.size)
  }

  const name = `kill -9, ${delivery}, ${JSON.stringify(under.durability)}, ${under.workers} workers, ${shards} shards`
  describe(name, () => {
    test('loses nothing of a source, and exactly-once repeats nothing', async () => {
      const { url, options, written } = setting()
      const count = 6000
      let kills = 0
      for (;;) {
        const run = startFixture('consumer', url.href, String(count), options)
        // Killed some batches after it has opened; the last run is let through.
        if (kills < 3) {
          await run.lines(2 + Math.floor(Math.random() * 25))
          run.kill()
        }
        const { code, signal, stderr } = await run.ended
        if (signal === null) {
          expect(code, stderr).toBe(0)
          break
        }
        kills += 1
      }
      expectAll(
        written(),
        orders(0, count).map(({ id }) => id),
      )
      if (delivery === 'exactly-once') {
        expect(written().toSorted((a, b) => a.id - b.id)).toEqual(orders(0, count))
      }
    })

    test('keeps every message that a receipt was given for', async () => {
      const { url, options, written } = setting()
      const sender = startFixture('sender', url.href, options)
      await sender.lines(100 + Math.floor(Math.random() * 300))
      sender.kill()
      const { stdout, stderr } = await sender.ended
      const receipts = stdout.split('\n').slice(0, -1).map(Number)
      expect(receipts.length, stderr).toBeGreaterThan(99)
      const stream = await opened<Order>(url, JSON.parse(options) as OpenOptions)
      await stream.drain({ timeout: 10_000 })
      await stream.close()
      expectAll(written(), receipts)
    })
  })
}
