import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import {
  file,
  fixed,
  forEach,
  open,
  pipeline,
  type AcknowledgedSource,
  type Definition,
  type SourceFailed,
  type Stream,
} from 'semel'
import { readDeadLetters } from 'semel/directory'
import { describeAcknowledgedSource, memoryQueue, type QueueFault } from 'semel/testing'
import * as vitest from 'vitest'
import { describe, expect, it } from 'vitest'
import { expectBalanced, scratch, small } from '../runtime/verbs.js'

const runs = Number(process.env['SEMEL_RUNS'] ?? 25)

interface Order {
  readonly id: number
  readonly key?: number
}

type Delivery = 'at-most-once' | 'at-least-once' | 'exactly-once'

const orders = (count: number): Order[] => Array.from({ length: count }, (_, id) => ({ id }))
const numbered = (a: number, b: number): number => a - b

/** Outputs go to `took`. */
function pipelineOf(
  delivery: Delivery,
  took: (id: number) => unknown,
  more: { attempts?: number } = {},
): Definition<Order> {
  const accepted = pipeline('orders').accepts<Order>()
  const delivered =
    delivery === 'exactly-once'
      ? accepted.deliver(delivery, { id: ({ id }) => id, window: '1h' })
      : accepted.deliver(delivery)
  return delivered
    .keyBy(({ id, key }) => key ?? id)
    .retry({ attempts: more.attempts ?? 1, backoff: fixed('1ms') })
    .to(forEach(({ id }: Order) => took(id), { idempotent: true }))
}

async function opened(
  definition: Definition<Order>,
  dir: string,
  more: Parameters<typeof open>[1] = {},
): Promise<Stream<Order>> {
  return open<Order>(definition, { ...small, dir, workers: 0, durability: 'process', ...more })
}

const durabilities = (delivery: Delivery): object =>
  delivery === 'at-most-once' ? { durability: 'memory' } : {}

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

  it('that hands out what can not be read, or is refused at the door, makes dead letters', async () => {
    const dir = scratch()
    const stream = await opened(
      pipelineOf('exactly-once', () => {}),
      dir,
    )
    const queue = memoryQueue<unknown>()
    queue.put({ id: 1 })
    queue.putMalformed('torn')
    queue.put({ id: () => 2 }, { id: '' }, { id: 3 })
    queue.end()
    expect(await stream.consume(queue.source as AcknowledgedSource<Order>)).toEqual({
      rows: 5,
      malformed: 3,
    })
    await stream.drain()
    await stream.close()
    expect(queue.waiting + queue.underWay).toBe(0)
    const letters = []
    for await (const letter of readDeadLetters(dir)) letters.push(letter)
    expect(letters).toHaveLength(3)
  })

  it('hands out a message that throws when it is read: a dead letter, and the next one', async () => {
    const dir = scratch()
    const took: number[] = []
    const stream = await opened(
      pipelineOf('exactly-once', (id) => took.push(id)),
      dir,
    )
    const safe: unknown[] = []
    const poison = {
      get message(): Order {
        throw new Error('bad')
      },
      token: 1,
    }
    const read = await stream.consume({
      name: 'poisoned',
      kind: 'acknowledged',
      connect: () => ({
        async *read() {
          yield [poison, { message: { id: 2 }, token: 2 }]
        },
        safe: (tokens) => void safe.push(...tokens),
        close() {},
      }),
    })
    expect(read).toEqual({ rows: 2, malformed: 1 })
    await stream.drain()
    expect([took, safe.toSorted()]).toEqual([[2], [1, 2]])
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

  it.each([
    ['connect', 'at-least-once'],
    ['read', 'at-least-once'],
    ['safe', 'at-least-once'],
    ['safe', 'at-most-once'],
    ['close', 'at-least-once'],
  ] as const)('whose %s never answers is left at the signal, %s', async (hangs, delivery) => {
    const never = new Promise<never>(() => {})
    const stream = await opened(
      pipelineOf(delivery, () => {}),
      scratch(),
      durabilities(delivery),
    )
    const source: AcknowledgedSource<Order> = {
      name: 'hanging',
      kind: 'acknowledged',
      connect: () =>
        hangs === 'connect'
          ? never
          : {
              async *read() {
                if (hangs !== 'read') yield [{ message: { id: 1 }, token: 1 }]
                await never
              },
              safe: () => (hangs === 'safe' ? never : undefined),
              close: () => (hangs === 'close' ? never : undefined),
            },
    }
    const abort = new AbortController()
    const read = stream.consume(source, { signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 50))
    abort.abort()
    await read
    await stream.close()
  })

  it.each([
    [{ kind: 'acknowledged', name: 'x' }, /is no acknowledged source/],
    [{ kind: 'pushed', name: 'x' }, /"pushed" is no kind of source; there are 'replayable'/],
  ])('%o is refused', async (source, message) => {
    const stream = await opened(
      pipelineOf('at-most-once', () => {}),
      scratch(),
      { durability: 'memory' },
    )
    await expect(stream.consume(source as never)).rejects.toThrow(message)
    await stream.close()
  })

  it.each([
    [() => undefined, /connected to undefined, which has no read, safe and close/],
    [
      () => ({
        read: async function* () {
          yield 7
        },
        safe() {},
        close() {},
      }),
      /gave 7, which is no list/,
    ],
    [
      () => ({
        read: async function* () {
          yield [{ message: 1 }]
        },
        safe() {},
        close() {},
      }),
      /where a message is \{ message, token \}/,
    ],
  ])('that breaks its contract ends the reading', async (connect, message) => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const source = { name: 'odd', kind: 'acknowledged', connect } as never
    await expect(stream.consume(source)).rejects.toThrow(message)
    await stream.close()
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
