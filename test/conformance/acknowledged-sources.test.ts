import { forEach, open, pipeline, type SourceFailed } from 'semel'
import { describeAcknowledgedSource, memoryQueue } from 'semel/testing'
import * as vitest from 'vitest'
import { describe, expect, it } from 'vitest'
import { scratch, small, until } from '../runtime/verbs.js'
import { durabilities, numbered, opened, orders, pipelineOf, type Order } from './acknowledged.js'

describeAcknowledgedSource(vitest, {
  name: 'queue in memory',
  create() {
    const queue = memoryQueue<Order>({ leaseMs: 1000 })
    queue.put(...orders(9))
    return {
      source: queue.source,
      messages: orders(9),
      left: () => queue.waiting + queue.underWay,
    }
  },
  leases: true,
})

describeAcknowledgedSource(vitest, {
  name: 'queue in memory, with headers',
  create() {
    const queue = memoryQueue<Order>({ leaseMs: 1000 })
    const headers = [{ trace: '1' }, undefined, { trace: '3' }, {}, { a: 'b', c: '' }]
    for (const [id, one] of headers.entries()) queue.putWith(one ?? {}, { id })
    return {
      source: queue.source,
      messages: orders(headers.length),
      headers,
      left: () => queue.waiting + queue.underWay,
    }
  },
  leases: true,
})

describe('an acknowledged source', () => {
  it.each([
    ['at-most-once', 1],
    ['at-least-once', 1],
    ['exactly-once', 1],
    ['exactly-once', 100],
  ] as const)('is read to its end, %s, %i under way at a time', async (delivery, handOutMax) => {
    const took: number[] = []
    const stream = await opened(
      pipelineOf(delivery, (id) => took.push(id)),
      scratch(),
      durabilities(delivery),
    )
    const queue = memoryQueue<Order>({ handOutMax })
    queue.put(...orders(300))
    queue.end()
    expect(await stream.consume(queue.source)).toEqual({ rows: 300, malformed: 0 })
    await stream.drain()
    await stream.close()
    expect(took.toSorted(numbered)).toEqual(orders(300).map(({ id }) => id))
    expect(queue.acknowledged).toHaveLength(300)
    expect(queue.handedOut).toBe(300)
  })

  it('is acknowledged when a message is stored, and not when it is processed', async () => {
    let letGo!: () => void
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const stream = await opened(
      pipelineOf('at-least-once', () => held),
      scratch(),
    )
    const queue = memoryQueue<Order>()
    queue.put(...orders(10))
    queue.end()
    await stream.consume(queue.source)
    expect(queue.acknowledged).toHaveLength(10)
    expect(stream.counters().processed).toBe(0)
    letGo()
    await stream.drain()
    await stream.close()
  })

  it('is acknowledged when a message is as safe as the level says, and not before', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
      { durability: { interval: 1000 } },
    )
    const queue = memoryQueue<Order>()
    queue.put(...orders(50))
    queue.end()
    const read = stream.consume(queue.source)
    await until(() => stream.counters().stored === 50)
    expect(queue.acknowledged).toEqual([])
    await read
    expect(queue.acknowledged).toHaveLength(50)
    await stream.close()
  })

  it('at most once, leaves a message to whoever it is given to when its lease is over', async () => {
    const took: number[] = []
    const stream = await opened(
      pipelineOf('at-most-once', (id) => took.push(id)),
      scratch(),
      durabilities('at-most-once'),
    )
    await stream.consume({
      name: 'late',
      kind: 'acknowledged',
      connect: () => ({
        async *read() {
          yield orders(3).map((message) => ({ message, token: message.id }))
        },
        safe: ([token]) => (token === 1 ? [token] : undefined),
        close() {},
      }),
    })
    await stream.drain()
    await stream.close()
    expect(took).toEqual([0, 2])
  })

  it('is acknowledged for a parked message too', async () => {
    let isDown = true
    const stream = await opened(
      pipelineOf(
        'exactly-once',
        () => {
          if (isDown) throw new Error('not yet')
        },
        { attempts: 1000 },
      ),
      scratch(),
    )
    const queue = memoryQueue<Order>()
    queue.put(...orders(5))
    queue.end()
    await stream.consume(queue.source)
    expect(queue.acknowledged).toHaveLength(5)
    isDown = false
    await stream.drain()
    expect(stream.counters()).toMatchObject({ processed: 5, duplicate: 0 })
    await stream.close()
  })

  it('extends what waits for room, so that nothing is given twice', async () => {
    let letGo!: () => void
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    // Four shards of the smallest ring: the one of the key 0 stands still.
    const stream = await opened(
      pipelineOf('at-least-once', (id) => (id === 0 ? held : undefined)),
      scratch(),
      { shards: 4, awaitedMax: 16 },
    )
    const queue = memoryQueue<Order>({ handOutMax: 2000, leaseMs: 900 })
    queue.put(...Array.from({ length: 4000 }, (_, id) => ({ id, key: 0 })), ...orders(100))
    queue.end()
    const read = stream.consume(queue.source)
    await new Promise((resolve) => setTimeout(resolve, 2500))
    letGo()
    await read
    expect(queue.handedOut).toBe(4100)
    await stream.drain()
    await stream.close()
  })

  it('loses to a full ring what the pipeline gives up for it, and no more', async () => {
    const never = new Promise<never>(() => {})
    const stream = await open(
      pipeline('drops')
        .accepts<{ id: number; pad: string }>()
        .deliver('at-most-once', { overflow: 'drop-newest' })
        .to(forEach(() => never)),
      { ...small, workers: 0, inFlightMax: 16 },
    )
    const queue = memoryQueue<{ id: number; pad: string }>()
    queue.put(...orders(3000).map(({ id }) => ({ id, pad: 'x'.repeat(2000) })))
    queue.end()
    expect(await stream.consume(queue.source)).toEqual({ rows: 3000, malformed: 0 })
    expect(queue.acknowledged).toHaveLength(3000)
    const { newest } = stream.doorCounters()
    expect(newest).toBeGreaterThan(0)
    expect(stream.counters().stored + newest).toBeLessThanOrEqual(3000)
    expect(stream.counters().deadLettered + stream.counters().dropped).toBe(0)
    await stream.close({ timeout: 0 })
  })

  it('that never ends is ended by the signal, and gives back what was not taken', async () => {
    const took: number[] = []
    const stream = await opened(
      pipelineOf('exactly-once', (id) => took.push(id)),
      scratch(),
    )
    const queue = memoryQueue<Order>()
    queue.put(...orders(50))
    const abort = new AbortController()
    const read = stream.consume(queue.source, { signal: abort.signal })
    while (queue.acknowledged.length < 50) await new Promise((resolve) => setTimeout(resolve, 5))
    abort.abort()
    expect(await read).toEqual({ rows: 50, malformed: 0 })
    queue.put({ id: 50 })
    queue.end()
    await stream.consume(queue.source)
    await stream.drain()
    expect(took.toSorted(numbered)).toEqual(orders(51).map(({ id }) => id))
    await stream.close()
  })

  it('ends its reading where the stream is closed, also where nothing comes', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const queue = memoryQueue<Order>()
    queue.put(...orders(3))
    const read = stream.consume(queue.source)
    while (queue.acknowledged.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    const closed = expect(read).rejects.toMatchObject({ code: 'SEMEL_CLOSED' })
    await stream.close()
    await closed
    queue.put({ id: 3 })
    expect(queue.waiting).toBe(1)
  })

  it('tells of connections that fail, and of what its progress throws at once', async () => {
    const stream = await opened(
      pipelineOf('exactly-once', () => {}),
      scratch(),
    )
    const told: SourceFailed[] = []
    stream.on('source-failed', (event) => told.push(event))
    let connects = 0
    const queue = memoryQueue<Order>({
      fault: (call) => (call === 'connect' && ++connects < 3 ? 'before' : undefined),
    })
    queue.put({ id: 1 })
    queue.end()
    await stream.consume(queue.source)
    expect(told.map(({ source, attempt }) => [source, attempt])).toEqual([
      ['memory queue', 1],
      ['memory queue', 2],
    ])
    const again = memoryQueue<Order>()
    again.put({ id: 2 })
    const reading = stream.consume(again.source, {
      onProgress() {
        throw new Error('enough')
      },
    })
    await expect(reading).rejects.toThrow('enough')
    await stream.close()
  })
})
