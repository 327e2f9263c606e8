import { join } from 'node:path'
import { memorySource, type Delivery, type Durability, type OpenOptions } from 'semel'
import { inspectDirectory } from 'semel/directory'
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
