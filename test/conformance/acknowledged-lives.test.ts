import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { file, open, pipeline, type Stream } from 'semel'
import { memoryQueue, type QueueFault } from 'semel/testing'
import { describe, expect, it } from 'vitest'
import { expectBalanced, scratch, small } from '../runtime/verbs.js'
import {
  durabilities,
  numbered,
  opened,
  orders,
  pipelineOf,
  type Delivery,
  type Order,
} from './acknowledged.js'

const runs = Number(process.env['SEMEL_RUNS'] ?? 25)

describe('an acknowledged source whose calls fail, whose leases end and whose stream is closed', () => {
  const life = fc.record({
    delivery: fc.constantFrom<Delivery>('at-most-once', 'at-least-once', 'exactly-once'),
    shards: fc.integer({ min: 1, max: 3 }),
    count: fc.integer({ min: 1, max: 150 }),
    keys: fc.integer({ min: 1, max: 5 }),
    handOutMax: fc.integer({ min: 1, max: 60 }),
    leaseMs: fc.integer({ min: 5, max: 80 }),
    // Of each call, in turn.
    faults: fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.constant<QueueFault>(undefined) },
        { weight: 1, arbitrary: fc.constantFrom<QueueFault>('before', 'after') },
      ),
      { maxLength: 40 },
    ),
    // The stream is closed at once, and opened again, behind so many outputs.
    closes: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 2 }),
    fails: fc.boolean(),
  })

  it('keeps its word', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(life, async (drawn) => {
        const { delivery, count, keys, faults, closes } = drawn
        const dir = scratch()
        const took: number[] = []
        let call = 0
        const queue = memoryQueue<Order>({
          handOutMax: drawn.handOutMax,
          leaseMs: drawn.leaseMs,
          fault: () => faults[call++],
        })
        queue.put(...orders(count).map(({ id }) => ({ id, key: id % keys })))
        queue.end()
        const failed = new Set<number>()
        const definition = pipelineOf(
          delivery,
          (id) => {
            if (drawn.fails && id % 7 === 0 && !failed.has(id)) {
              failed.add(id)
              throw new Error('the first time')
            }
            took.push(id)
          },
          { attempts: 3 },
        )
        const openAgain = (): Promise<Stream<Order>> =>
          opened(definition, dir, { shards: drawn.shards, ...durabilities(delivery) })
        for (const limit of closes) {
          const stream = await openAgain()
          const reading = stream.consume(queue.source).catch(() => {})
          const before = took.length
          for (let wait = 0; wait < 40 && took.length - before < limit; wait++) {
            await new Promise((resolve) => setTimeout(resolve, 1))
          }
          await stream.close({ timeout: 0 })
          queue.cut()
          await reading
        }
        const stream = await openAgain()
        await stream.consume(queue.source)
        await stream.drain()
        expectBalanced(stream.counters())
        await stream.close()
        expect([queue.waiting, queue.underWay]).toEqual([0, 0])
        const times = new Map<number, number>()
        for (const id of took) times.set(id, (times.get(id) ?? 0) + 1)
        const wrong = orders(count).filter(({ id }) => {
          const seen = times.get(id) ?? 0
          if (delivery === 'at-most-once') return seen > 1
          // An idempotent sink may be given again what a close has cut off from its commit.
          if (delivery === 'at-least-once' || closes.length > 0) return seen === 0
          return seen !== 1
        })
        expect(wrong).toEqual([])
      }),
      { numRuns: runs },
    )
  })
})

describe('exactly-once from a queue into a file', () => {
  it('has each message in it once, whatever fails on the way', { timeout: 120_000 }, async () => {
    const dir = scratch()
    const out = `${dir}/out.ndjson`
    const definition = pipeline('copies')
      .accepts<Order>()
      .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
      .map(({ id }) => id)
      .to(file(out))
    let call = 0
    const queue = memoryQueue<Order>({
      leaseMs: 20,
      handOutMax: 30,
      fault: () => (++call % 9 === 0 ? 'after' : call % 13 === 0 ? 'before' : undefined),
    })
    queue.put(...orders(500))
    queue.end()
    const stream = await open(definition, { ...small, dir, workers: 0, durability: 'process' })
    await stream.consume(queue.source)
    await stream.drain()
    await stream.close()
    const lines = readFileSync(out, 'utf8').trim().split('\n').map(Number)
    expect(lines.toSorted(numbered)).toEqual(orders(500).map(({ id }) => id))
  })
})
