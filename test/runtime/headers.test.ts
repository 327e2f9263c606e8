import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import {
  fixed,
  frames,
  iterable,
  memory,
  pipeline,
  type Delivery,
  type Frame,
  type MessageContext,
  type MessageHeaders,
  type Source,
  type Stream,
} from 'semel'
import { readDeadLetters } from 'semel/directory'
import { memoryQueue } from 'semel/testing'
import { describe, expect, test } from 'vitest'
import { fixture, opened, scratch, small, until } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 25)

interface Order {
  readonly id: number
  readonly key?: string
}

interface Seen {
  readonly id: number
  readonly headers: MessageHeaders
  readonly attempt: number
}

const traced = { traceparent: '00-ab-cd-01', 'content-type': 'é' }

const inline = (dir = scratch()) => ({ dir, ...small, workers: 0, durability: 'process' }) as const

const start = (attempts = 1) =>
  pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .keyBy(({ key, id }) => key ?? String(id))
    .retry({ attempts, backoff: fixed('1ms') })

const seenBy = ({ id }: Order, { headers, attempt }: MessageContext): Seen => ({
  id,
  headers,
  attempt,
})

const refused = (run: () => unknown) => expect(async () => run()).rejects

describe('headers', () => {
  test('reach every operator, at once and behind promises', async () => {
    const seen: [string, MessageHeaders][] = []
    const note = (step: string, { headers }: MessageContext): true => {
      seen.push([step, headers])
      return true
    }
    const definition = start()
      .filter((_, context) => note('filter', context))
      .map((order, context) => (note('map', context) ? order : order))
      .flatMap(async function* (order, context) {
        note('flatMap', context)
        yield order
      })
      .tap(async (_, context) => note('tap', context))
      .to(memory())
    const stream = await opened(definition, inline())
    await stream.send({ id: 1 }, { headers: traced, acknowledge: 'processed' })
    expect(seen).toEqual(['filter', 'map', 'flatMap', 'tap'].map((step) => [step, traced]))
  })

  test('are a frozen object, the same at each look, and empty where there are none', async () => {
    const looks: boolean[] = []
    const sink = memory<Seen>()
    const definition = start()
      .tap((_, context) =>
        looks.push(Object.isFrozen(context.headers), context.headers === context.headers),
      )
      .map(seenBy)
      .to(sink)
    const stream = await opened(definition, inline())
    await stream.send({ id: 1 }, { headers: traced })
    await stream.send({ id: 2 }, { headers: {} })
    await stream.send({ id: 3 })
    await stream.drain()
    expect(sink.outputs.map(({ headers }) => headers)).toEqual([traced, {}, {}])
    expect(looks).toEqual(Array.from(looks, () => true))
  })

  test('may be looked at when the message has long been done', async () => {
    const contexts: MessageContext[] = []
    const definition = start()
      .tap((_, context) => contexts.push(context))
      .to(memory())
    const stream = await opened(definition, inline())
    for (let id = 0; id < 2000; id++) {
      await stream.send({ id, key: 'x'.repeat(100) }, { headers: { id: String(id) } })
    }
    await stream.drain()
    const ids = contexts.map(({ headers }) => Number(headers['id']))
    expect(ids).toEqual(Array.from({ length: 2000 }, (_, id) => id))
  })

  test('are those of the last message behind batch', async () => {
    const sink = memory<MessageHeaders>()
    const definition = start()
      .batch(3, { within: '1h' })
      .map((_, { headers }) => headers)
      .to(sink)
    const stream = await opened(definition, inline())
    for (const id of [1, 2, 3]) stream.push({ id }, { headers: { id: String(id) } })
    await stream.drain()
    expect(sink.outputs).toEqual([{ id: '3' }])
  })

  test('come with every way in', async () => {
    const sink = memory<Seen>()
    const stream = await opened(start().map(seenBy).to(sink), inline())
    stream.push({ id: 1 }, { headers: { by: 'push' } })
    await stream.send({ id: 2 }, { headers: { by: 'send' } })
    await stream.sendMany([{ id: 3 }, { id: 4 }], { headers: { by: 'sendMany' } })
    for await (const _ of stream.outcomes([{ id: 5 }], { headers: { by: 'outcomes' } }));
    await stream.drain()
    expect(sink.outputs.map(({ headers }) => headers['by'])).toEqual([
      'push',
      'send',
      'sendMany',
      'sendMany',
      'outcomes',
    ])
  })

  test('stay with a message that waits for room', async () => {
    const sink = memory<Seen>()
    const definition = start()
      .map(async (order, context) => {
        await sleep(0)
        return seenBy(order, context)
      })
      .to(sink)
    const stream = await opened(definition, inline())
    const key = 'x'.repeat(2000)
    const sent = Array.from({ length: 1500 }, (_, id) =>
      stream.send({ id, key }, { headers: { id: String(id) } }),
    )
    // More than the ring and what is staged for it hold.
    expect(stream.counters().stored).toBeLessThan(100)
    await Promise.all(sent)
    await stream.drain()
    expect(sink.outputs.map(({ id, headers }) => headers['id'] === String(id))).toEqual(
      Array.from(sent, () => true),
    )
  })

  test('stay through retries, and with a dead letter that is sent again', async () => {
    const sink = memory<Seen>()
    const tries: Seen[] = []
    let isMended = false
    const definition = start(2)
      .map((order, context) => {
        tries.push(seenBy(order, context))
        if (!isMended) throw new Error('not yet')
        return seenBy(order, context)
      })
      .to(sink)
    const dir = scratch()
    const first = await opened(definition, inline(dir))
    await first.send({ id: 1 }, { headers: traced })
    await first.send({ id: 2 })
    await first.drain()
    for (const { id, headers } of tries) expect(headers).toEqual(id === 1 ? traced : {})
    expect(tries).toHaveLength(4)
    await first.close()
    const letters = [...readDeadLetters(dir)]
    expect(letters.map(({ message, headers }) => [message, headers])).toEqual([
      [{ id: 1 }, traced],
      [{ id: 2 }, undefined],
    ])
    isMended = true
    const second = await opened(definition, inline(dir))
    for (const letter of second.deadLetters.list()) await second.deadLetters.retry(letter)
    await second.drain()
    expect(sink.outputs).toEqual([
      { id: 1, headers: traced, attempt: 1 },
      { id: 2, headers: {}, attempt: 1 },
    ])
  })

  test('reach handlers on worker threads', async () => {
    const dir = scratch()
    const path = join(dir, 'out.ndjson')
    const stream: Stream<Order> = await opened<Order>(fixture('headers.pipeline', { path }), {
      dir: join(dir, 'data'),
      ...small,
      durability: 'process',
    })
    const [end] = await stream.sendMany([{ id: 1 }], {
      headers: traced,
      acknowledge: 'processed',
    })
    expect(end).toMatchObject({ value: { result: { id: 1, headers: traced } } })
  })

  test.each(['drop-oldest', 'conflate'] as const)(
    'stay with their message under %s',
    async (overflow) => {
      const sink = memory<Seen>()
      const gate = new AbortController()
      const isOpen = once(gate.signal, 'abort')
      const definition = pipeline('ticks')
        .accepts<Order>()
        .deliver('at-most-once', { overflow })
        .keyBy(({ id }) => id % 50)
        .map(async (order, context) => {
          await isOpen
          return seenBy(order, context)
        })
        .to(sink)
      const stream = await opened(definition, { ...small, workers: 0, inFlightMax: 16 })
      for (let id = 0; id < 4000; id++) {
        stream.push({ id }, id % 3 === 0 ? {} : { headers: { id: String(id) } })
        if (id % 100 === 0) await sleep(0)
      }
      gate.abort()
      await stream.drain()
      expect(stream.doorCounters().oldest + stream.doorCounters().conflated).toBeGreaterThan(100)
      for (const { id, headers } of sink.outputs) {
        expect(headers).toEqual(id % 3 === 0 ? {} : { id: String(id) })
      }
    },
  )

  test('come with what a producer numbers', async () => {
    const sink = memory<Seen>()
    const definition = pipeline('tills')
      .accepts<Order>()
      .deliver('exactly-once', { producer: ({ id }) => ({ id: 'till', epoch: 1, sequence: id }) })
      .map(seenBy)
      .to(sink)
    const stream = await opened(definition, inline())
    for (const id of [1, 2, 2]) await stream.send({ id }, { headers: { id: String(id) } })
    await stream.drain()
    expect(sink.outputs.map(({ headers }) => headers['id'])).toEqual(['1', '2'])
  })

  test('come in each class of messages', async () => {
    const sink = memory<Seen>()
    const definition = pipeline('moves')
      .accepts<Order>()
      .deliver(({ id }) => (id % 2 === 0 ? 'at-most-once' : 'exactly-once'), {
        'at-most-once': {},
        'exactly-once': { id: ({ id }) => id, window: '1h' },
      })
      .map(seenBy)
      .to(sink)
    const stream = await opened(definition, inline())
    for (const id of [1, 2]) stream.push({ id }, { headers: { id: String(id) } })
    await stream.drain()
    expect(sink.outputs.map(({ id, headers }) => [id, headers['id']]).toSorted()).toEqual([
      [1, '1'],
      [2, '2'],
    ])
  })

  test('that are none, or too large, are refused, and leave no trace', async () => {
    const stream = await opened(start().to(memory<Order>()), inline())
    await refused(() => stream.send({ id: 1 }, { headers: { a: 1 } as never })).toThrow(
      /send\.headers: "a" is 1/,
    )
    await refused(() => stream.push({ id: 1 }, { headers: 'x' as never })).toThrow(/push\.headers/)
    await refused(() => stream.push({ id: 1 }, { header: {} } as never)).toThrow(
      /no option "header"/,
    )
    await refused(() => stream.send({ id: 1 }, { headers: { a: 'x'.repeat(10_000) } })).toThrow(
      expect.objectContaining({ code: 'SEMEL_TOO_LARGE' }),
    )
    expect(stream.counters().stored).toBe(0)
  })
})

describe('headers of frames', () => {
  test.each(['at-most-once', 'at-least-once'] as const)(
    'lie beside the frame, whatever its size, %s',
    async (delivery) => {
      for (const size of [1, 7, 8, 12, 24, 100]) {
        const sink = memory<[readonly number[], MessageHeaders]>()
        const definition = pipeline('raw')
          .accepts(frames({ size }))
          .deliver(delivery)
          .map((frame: Frame, { headers }): [readonly number[], MessageHeaders] => [
            [...frame.copy()],
            headers,
          ])
          .to(sink)
        const options =
          delivery === 'at-most-once'
            ? { ...small, workers: 0 }
            : inline(join(scratch(), `${size}`))
        const stream = await opened(definition, options)
        const frame = (fill: number) => new Uint8Array(size).fill(fill)
        stream.push(frame(1), { headers: traced })
        stream.push(frame(0xc1))
        stream.push(frame(0xc1), { headers: { b: 'c' } })
        await stream.drain()
        expect(sink.outputs).toEqual([
          [[...frame(1)], traced],
          [[...frame(0xc1)], {}],
          [[...frame(0xc1)], { b: 'c' }],
        ])
      }
    },
  )
})

function source(all: readonly object[]): Source<Order> {
  return Object.freeze({
    name: 'rows',
    resumable: true,
    partitions: ['rows'],
    async *read() {
      yield {
        partition: 'rows',
        rows: all.map((row, at) => ({ ...row, offset: at + 1 })) as never,
        offset: all.length,
      }
    },
  })
}

describe('a source', () => {
  const rows: readonly (readonly [number, MessageHeaders | undefined])[] = [
    [1, traced],
    [2, undefined],
    [3, { 'x-id': '3' }],
  ]

  test('gives headers with its rows', async () => {
    const sink = memory<Seen>()
    const stream = await opened(start().map(seenBy).to(sink), inline())
    await stream.consume(source(rows.map(([id, headers]) => ({ message: { id }, headers }))))
    await stream.drain()
    expect(sink.outputs.map(({ headers }) => headers)).toEqual([traced, {}, { 'x-id': '3' }])
  })

  test('of which a row has headers that are none makes a dead letter of it', async () => {
    const sink = memory<Seen>()
    const stream = await opened(start().map(seenBy).to(sink), inline())
    const read = await stream.consume(
      source([{ message: { id: 1 }, headers: { a: 1 } }, { message: { id: 2 } }]),
    )
    await stream.drain()
    expect(read).toEqual({ rows: 2, malformed: 1 })
    const [letter] = stream.deadLetters.list()
    expect(letter?.malformed?.reason).toMatch(/headers: "a" is 1/)
    expect(sink.outputs).toHaveLength(1)
  })

  test('that has each message acknowledged gives headers too', async () => {
    const sink = memory<Seen>()
    const stream = await opened(start().map(seenBy).to(sink), inline())
    const queue = memoryQueue<Order>()
    queue.put({ id: 0 })
    for (const [id, headers] of rows) queue.putWith(headers ?? {}, { id })
    queue.putWith({ a: 1 } as never, { id: 9 })
    queue.end()
    expect(await stream.consume(queue.source)).toEqual({ rows: 5, malformed: 1 })
    await stream.drain()
    expect(sink.outputs.map(({ headers }) => headers)).toEqual([{}, traced, {}, { 'x-id': '3' }])
  })

  test('without headers gives none', async () => {
    const sink = memory<Seen>()
    const stream = await opened(start().map(seenBy).to(sink), inline())
    await stream.consume(iterable([{ id: 1 }]))
    await stream.drain()
    expect(sink.outputs).toEqual([{ id: 1, headers: {}, attempt: 1 }])
  })
})

// ---- drawn against a plain model ----

interface Drawn {
  readonly headers: MessageHeaders | undefined
  readonly key: number
  /** Attempts that fail before one works. */
  readonly fails: number
  readonly isLater: boolean
}

const text = fc.string({ unit: 'binary', maxLength: 12 })
const drawn = fc.record({
  headers: fc.option(
    fc.dictionary(
      text.filter((name) => name !== ''),
      text,
      { maxKeys: 5, noNullPrototype: false },
    ),
    { nil: undefined },
  ),
  key: fc.integer({ min: 0, max: 3 }),
  fails: fc.constantFrom(0, 0, 0, 1, 2, 3),
  isLater: fc.boolean(),
})

const attemptsMax = 2

describe('whatever is sent', () => {
  test.each(
    (['objects', 'frames'] as const).flatMap((kind) =>
      (['at-most-once', 'at-least-once', 'exactly-once'] as const).map(
        (delivery) => [kind, delivery] as const,
      ),
    ),
  )('%s keep their headers through all of it, %s', async (kind, delivery) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(drawn, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 40 }),
        async (messages, reopenedAt) => {
          await keepsHeaders(kind, delivery, messages, reopenedAt)
        },
      ),
      { numRuns },
    )
  })
})

/** Sends all, opens anew in between, and mends the handler for the dead letters at the end. */
async function keepsHeaders(
  kind: 'objects' | 'frames',
  delivery: Delivery,
  messages: readonly Drawn[],
  reopenedAt: number,
): Promise<void> {
  const looks: Seen[] = []
  const failed = new Map<number, number>()
  let isMended = false
  const handle = (id: number, { headers, attempt }: MessageContext): unknown => {
    looks.push({ id, headers, attempt })
    const before = failed.get(id) ?? 0
    const { fails, isLater } = messages[id] as Drawn
    if (before < fails && !isMended) {
      failed.set(id, before + 1)
      const error = new Error(`${id} fails`)
      if (isLater) return Promise.reject(error)
      throw error
    }
    return isLater ? Promise.resolve(id) : id
  }
  const sink = memory<unknown>()
  const options = (
    delivery === 'exactly-once' ? { id: (m: unknown) => idOf(m), window: '1h' } : {}
  ) as { id: (m: unknown) => number; window: string }
  const accepted = pipeline('drawn')
  const idOf = (m: unknown): number =>
    kind === 'frames' ? (m as Frame).u32(0) : (m as { id: number }).id
  const taking = () => accepted.accepts<unknown>()
  const definition = (
    kind === 'frames' ? accepted.accepts(frames({ size: 12 })) : taking()
  ) as ReturnType<typeof taking>
  const built = definition
    .deliver(delivery as 'exactly-once', options)
    .keyBy((m) => (messages[idOf(m)] as Drawn).key)
    .retry({ attempts: attemptsMax, backoff: fixed(1) })
    .map((m, context) => handle(idOf(m), context))
    .to(sink)
  const dir = scratch()
  const isKept = delivery !== 'at-most-once'
  const reopen = () => opened(built, isKept ? inline(dir) : { ...small, workers: 0 })
  let stream = await reopen()
  for (const [id, { headers }] of messages.entries()) {
    if (id === reopenedAt && isKept) {
      await stream.close()
      stream = await reopen()
    }
    const message =
      kind === 'frames' ? new Uint8Array(new Uint32Array([id, 0, 0xc1c1c1c1]).buffer) : { id }
    stream.push(message as never, headers === undefined ? undefined : { headers })
  }
  await stream.drain()
  const letters = [...stream.deadLetters.list()]
  const dead = messages.flatMap(({ fails }, id) => (fails >= attemptsMax && isKept ? [id] : []))
  expect(
    letters.map((letter) => [letterId(letter.message), letter.headers ?? {}]).toSorted(byId),
  ).toEqual(dead.map((id) => [id, { ...messages[id]?.headers }]))
  isMended = true
  for (const letter of letters) await stream.deadLetters.retry(letter)
  await stream.drain()
  const lost = messages.flatMap(({ fails }, id) => (fails > 0 && !isKept ? [id] : []))
  const done = messages.map((_, id) => id).filter((id) => !lost.includes(id))
  expect((sink.outputs as number[]).toSorted((a, b) => a - b)).toEqual(done)
  for (const { id, headers } of looks) expect({ ...headers }).toEqual({ ...messages[id]?.headers })
  await until(() => stream.counters().parked === 0)
  await stream.close()
}

function letterId(message: unknown): number {
  if (!(message instanceof Uint8Array)) return (message as { id: number }).id
  return new DataView(message.buffer, message.byteOffset).getUint32(0, true)
}

function byId([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return (a as number) - (b as number)
}
