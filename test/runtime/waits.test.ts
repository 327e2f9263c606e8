import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline as piped } from 'node:stream/promises'
import {
  fixed,
  iterableSource,
  memory,
  open,
  pipeline,
  type End,
  type OpenOptions,
  type Sink,
  type SinkConnection,
  type Stream,
} from 'semel'
import { describe, expect, test } from 'vitest'
import { Gate, handled, note, notes, rejection, sleep, standsAt, type Note } from './senders.js'
import { opened, pushAll, scratch, small, until } from './verbs.js'

/** A wait that hangs fails by this, and not by the test's own time. */
const boundMs = 8000

async function within<T>(pending: Promise<T>, ms = boundMs): Promise<T> {
  const late = sleep(ms).then(() => {
    throw new Error(`it has not ended in ${ms} ms`)
  })
  late.catch(() => {})
  return Promise.race([pending, late as Promise<never>])
}

const never = (): Promise<never> => new Promise(() => {})

/** At least once, on disk, inline. */
async function kept(
  handle: (sent: Note) => unknown,
  options: OpenOptions<Note> = {},
): Promise<Stream<Note>> {
  const definition = pipeline('kept')
    .accepts<Note>()
    .deliver('at-least-once')
    .keyBy(({ key, id }) => key ?? String(id))
    .retry({ attempts: 2, backoff: fixed('20ms') })
    .map(handle)
    .to(memory())
  return opened<Note>(
    definition as never,
    {
      ...small,
      workers: 0,
      dir: join(scratch(), 'data'),
      durability: 'process',
      ...options,
    } as OpenOptions,
  )
}

/** Pushes as long as it is not told to end: somebody else's load. */
function load(stream: Stream<Note>): () => Promise<void> {
  const end = new AbortController()
  const pushing = (async () => {
    for (let id = 1_000_000; !end.signal.aborted; id++) {
      stream.push(note(id))
      if (id % 8 === 0) await sleep(0)
    }
  })()
  return () => {
    end.abort()
    return pushing
  }
}

describe('under a load that never pauses', () => {
  test.each(['process', 'disk', { interval: 20 }] as const)(
    'flush ends (%j)',
    async (durability) => {
      const stream = await kept((sent) => sent, { durability })
      const end = load(stream)
      for (let round = 0; round < 5; round++) {
        stream.push(note(round))
        await within(stream.flush())
      }
      await end()
    },
  )

  test.each(['process', 'disk', { interval: 20 }] as const)(
    'drain ends (%j)',
    async (durability) => {
      const done = new Set<number>()
      const stream = await kept(
        async ({ id }) => {
          await sleep(2)
          done.add(id)
        },
        { durability },
      )
      const end = load(stream)
      await pushAll(stream, notes(0, 50))
      await within(stream.drain())
      for (let id = 0; id < 50; id++) expect(done.has(id)).toBe(true)
      expect(stream.counters().inFlight).toBeGreaterThanOrEqual(0)
      await end()
    },
  )

  test('drain ends although some message is parked at any time', async () => {
    const stream = await kept(({ id }) => {
      throw new Error(`no ${id}`)
    })
    const end = load(stream)
    await pushAll(stream, notes(0, 20))
    await within(stream.drain())
    const letters = new Set(
      [...stream.deadLetters.list()].map(({ message }) => (message as Note).id),
    )
    for (let id = 0; id < 20; id++) expect(letters.has(id)).toBe(true)
    await end()
  })

  test('close ends, and takes nothing more', async () => {
    const stream = await kept((sent) => sent)
    const end = load(stream)
    await sleep(20)
    const closing = within(stream.close())
    expect(() => stream.push(note(1))).toThrow(expect.objectContaining({ code: 'SEMEL_CLOSED' }))
    expect(await rejection(stream.send(note(2)))).toMatchObject({ code: 'SEMEL_CLOSED' })
    await closing
    await end().catch(() => {})
  })
})

/** Each wait of a stream whose ring is full, whose handler hangs, and which has a dead letter. */
const waits: [string, (stream: Stream<Note>, options: object) => Promise<unknown>][] = [
  ['ready', (stream, options) => stream.ready(options)],
  ['flush', (stream, options) => stream.flush(options)],
  ['drain', (stream, options) => stream.drain(options)],
  ['send', (stream, options) => stream.send(note(-1), options)],
  [
    'deadLetters.retry',
    (stream, options) => stream.deadLetters.retry({ shard: 0, number: 1 }, options),
  ],
]

/** Full, with a dead letter that nothing can be done with while it is. */
async function stuck(): Promise<Stream<Note>> {
  const stream = await kept(({ id }) => {
    if (id === 0) throw new Error('never')
    return never()
  })
  // Longer than the others: where there is no room for one of these, there is none for its retry.
  stream.push(note(0, 'x'.repeat(600)))
  await within(stream.drain())
  let id = 1
  while (stream.push(note(id, 'x'.repeat(500)))) {
    id += 1
    if (id % 16 === 0) await sleep(0)
  }
  await standsAt(() => stream.counters().stored)
  return stream
}

describe('every wait', () => {
  test.each(waits)('%s ends at its timeout, says why, and gives turns', async (name, wait) => {
    const stream = await stuck()
    let turns = 0
    const timer = setInterval(() => {
      turns += 1
    }, 5)
    const error = (await within(rejection(wait(stream, { timeout: 150 })))) as Error
    clearInterval(timer)
    expect(error).toMatchObject({ retriable: true })
    expect(turns).toBeGreaterThan(2)
    if (name === 'send') {
      expect(error).toMatchObject({ code: 'SEMEL_ACK_TIMEOUT', taken: false })
      return
    }
    expect(error).toMatchObject({ code: 'SEMEL_TIMEOUT' })
    expect(error.message).toMatch(
      new RegExp(`^${name}: .* 150 ms: \\d+ still in flight in shard 0; \\d+ waiting for room`),
    )
  })

  test.each(waits)('%s ends by its signal, with the reason as it is', async (_, wait) => {
    const stream = await stuck()
    for (const reason of [new Error('mine'), 'a text', 0, null, false, Symbol('one'), { any: 1 }]) {
      const stop = new AbortController()
      const ended = within(rejection(wait(stream, { signal: stop.signal })))
      await sleep(5)
      stop.abort(reason)
      expect(await ended).toBe(reason)
      expect(await rejection(wait(stream, { signal: stop.signal }))).toBe(reason)
    }
  })

  test.each(waits)(
    '%s refuses what is no signal or timeout, naming the option',
    async (name, wait) => {
      const { stream } = await handled((sent) => sent)
      for (const timeout of [-1, NaN, Infinity, '5', null, 2 ** 31, {}]) {
        const error = await rejection(wait(stream, { timeout }))
        expect(error).toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
        expect((error as Error).message).toContain(`${name}.timeout: `)
      }
      for (const signal of [null, 5, 'no', {}, new AbortController()]) {
        const error = await rejection(wait(stream, { signal }))
        expect((error as Error).message).toContain(`${name}.signal: `)
      }
      expect(await rejection(wait(stream, { within: 5 }))).toMatchObject({
        code: 'SEMEL_INVALID_ARGUMENT',
      })
    },
  )

  test('names the sink that fails, and since when', async () => {
    const definition = pipeline('down')
      .accepts<Note>()
      .deliver('at-least-once')
      .to(
        custom('down', {
          write: () => {
            throw new Error('connection refused')
          },
        }),
      )
    const stream = await opened<Note>(definition, {
      ...small,
      workers: 0,
      dir: join(scratch(), 'data'),
    })
    stream.push(note(1))
    const error = (await rejection(stream.drain({ timeout: 700 }))) as Error
    expect(error.message).toMatch(
      /^drain: not over after 700 ms: 1 still in flight in shard 0, and its sink fails \(attempt \d+: connection refused\)/,
    )
  })
})

function custom(name: string, connection: Partial<SinkConnection<unknown>>): Sink<unknown> {
  return {
    name,
    kind: 'repeatable',
    connect: () => ({ write() {}, close() {}, ...connection }),
  } as Sink<unknown>
}

const openedOn = (sink: Sink<unknown>, options: OpenOptions = {}): Promise<Stream<unknown>> =>
  open(
    pipeline('hangs')
      .accepts()
      .deliver('at-least-once')
      .to(sink as never),
    {
      ...small,
      workers: 0,
      dir: join(scratch(), 'data'),
      ...options,
    },
  ) as never

describe('a sink that hangs', () => {
  test.each([
    ['write', { write: never }],
    ['flush', { flush: never }],
  ])('in %s does not hold up a close beyond its time', async (_, connection) => {
    const stream = await openedOn(custom('stuck', connection))
    stream.push({})
    await stream.flush()
    await sleep(20)
    const startedMs = performance.now()
    await within(stream.close({ timeout: 100 }))
    expect(performance.now() - startedMs).toBeLessThan(4000)
    expect(stream.counters()).toMatchObject({ stored: 1, inFlight: 1 })
  })

  test('in close is told by the close of the stream, and the directory is free', async () => {
    const dir = join(scratch(), 'data')
    const stream = await openedOn(custom('stuck', { close: never }), { dir })
    stream.push({})
    await stream.drain()
    const closing = stream.close({ timeout: 100 })
    expect(await within(rejection(closing))).toMatchObject({
      code: 'SEMEL_TIMEOUT',
      message:
        "close: 100 ms were over, and so is the stream, but for what can't be ended: the sink stuck of shard 0, which has not closed",
    })
    expect(await rejection(stream.close())).toMatchObject({ code: 'SEMEL_TIMEOUT' })
    const again = await openedOn(custom('well', {}), { dir })
    expect(again.counters()).toMatchObject({ stored: 1, processed: 1 })
    await again.close()
  })

  test('in connect ends the opening by timeout and signal, and the directory is free', async () => {
    const dir = join(scratch(), 'data')
    const sink = { ...custom('deaf', {}), connect: never } as Sink<unknown>
    expect(await within(rejection(openedOn(sink, { dir, timeout: 50 })))).toMatchObject({
      code: 'SEMEL_TIMEOUT',
      message:
        'open: not over after 50 ms: it waits until its shards are open, and the sink deaf is connected',
    })
    const stop = new AbortController()
    const opening = within(rejection(openedOn(sink, { dir, signal: stop.signal })))
    await sleep(10)
    stop.abort('enough')
    expect(await opening).toBe('enough')
    await (await openedOn(custom('well', {}), { dir, timeout: 5000 })).close()
  })

  test('and connects after the opening was given up is closed', async () => {
    let connect: (() => void) | undefined
    let closed = 0
    const sink = {
      ...custom('late', {}),
      connect: () =>
        new Promise((resolve) => {
          connect = () => resolve({ write() {}, close: () => void (closed += 1) })
        }),
    } as Sink<unknown>
    await rejection(openedOn(sink, { timeout: 20 }))
    connect?.()
    await until(() => closed === 1, 'its close')
  })
})

/** One message, and then silence. */
async function* single(): AsyncGenerator<Note> {
  yield note(1)
  await never()
}

function* endless(): Generator<Note> {
  for (let id = 0; ; id++) yield note(id)
}
async function* endlessLater(): AsyncGenerator<Note> {
  yield* endless()
}

describe('leaving a source that stands still', () => {
  test.each(['return', 'throw'] as const)('by %s of outcomes', async (how) => {
    const { stream } = await handled((sent) => sent)
    let returned = 0
    const silent = {
      [Symbol.asyncIterator]: () => ({
        next: never,
        return: () => ((returned += 1), never()),
      }),
    }
    const outcomes = stream.outcomes(silent as never)
    const asked = outcomes.next()
    await sleep(5)
    if (how === 'return') await within(outcomes.return())
    else expect(await within(rejection(outcomes.throw('enough')))).toBe('enough')
    expect(await within(asked)).toEqual({ done: true, value: undefined })
    await until(() => returned === 1, 'its return')
  })

  test('by a break, after the first', async () => {
    const { stream } = await handled((sent) => sent)
    const left = (async () => {
      for await (const { status } of stream.outcomes(single())) return status
      return undefined
    })()
    expect(await within(left)).toBe('acknowledged')
  })

  test('while a handler hangs', async () => {
    const { stream } = await handled(never, { acknowledge: 'processed' })
    const outcomes = stream.outcomes(notes(0, 3))
    const asked = outcomes.next()
    await sleep(10)
    await within(outcomes.return())
    expect(await within(asked)).toMatchObject({ done: true })
  })

  test('by the signal of consume, though the source does not hear it', async () => {
    const { stream } = await handled((sent) => sent)
    const stop = new AbortController()
    const deaf = {
      name: 'deaf',
      resumable: false,
      partitions: ['deaf'],
      read: () => ({ [Symbol.asyncIterator]: () => ({ next: never, return: never }) }),
    }
    const consuming = stream.consume(deaf as never, { signal: stop.signal })
    await sleep(10)
    stop.abort()
    expect(await within(consuming)).toEqual({ rows: 0, malformed: 0 })
  })
})

describe('a source without end', () => {
  test.each([
    ['a generator', endless],
    ['an async generator', endlessLater],
  ])('%s leaves sendMany its timeout', async (_, source) => {
    const { stream } = await handled((sent) => sent)
    const statuses = await within(stream.sendMany(source() as Iterable<Note>, { timeout: 60 }))
    expect(statuses.length).toBeGreaterThan(0)
  })

  test.each([
    ['a generator', endless],
    ['an async generator', endlessLater],
  ])('%s ends with the stream that it is sent to', async (_, source) => {
    const { stream } = await handled((sent) => sent)
    const sending = stream.sendMany(source() as Iterable<Note>)
    await sleep(20)
    await stream.close({ timeout: 100 })
    expect((await within(sending)).at(-1)?.status).toBe('refused')
  })

  test.each([
    ['a generator', endless],
    ['an async generator', endlessLater],
  ])('%s leaves outcomes its signal, though each message is refused', async (_, source) => {
    const { stream } = await handled((sent) => sent)
    const stop = new AbortController()
    setTimeout(() => stop.abort('enough'), 30)
    const reading = (async () => {
      for await (const { status } of stream.outcomes(source() as never, { signal: stop.signal }))
        expect(['acknowledged', 'refused', 'unknown']).toContain(status)
    })()
    expect(await within(rejection(reading))).toBe('enough')
  })

  test.each([
    ['a generator', endless],
    ['an async generator', endlessLater],
  ])('%s leaves consume its signal', async (_, source) => {
    const { stream } = await handled((sent) => sent)
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 30)
    const { rows } = await within(
      stream.consume(iterableSource(source as never), { signal: stop.signal }),
    )
    expect(rows).toBeGreaterThan(0)
  })

  test('leaves a Node pipeline its signal', async () => {
    const { stream } = await handled((sent) => sent)
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 30)
    const writing = piped(Readable.from(endless()), stream.writable(), { signal: stop.signal })
    expect(await within(rejection(writing))).toMatchObject({ name: 'AbortError' })
  })

  test('leaves a web pipeline its signal', async () => {
    const { stream } = await handled((sent) => sent)
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 30)
    const endlessly = new ReadableStream<Note>({ pull: (to) => to.enqueue(note(1)) })
    const writing = endlessly.pipeTo(stream.writableStream() as never, { signal: stop.signal })
    expect(await within(rejection(writing))).toMatchObject({ name: 'AbortError' })
  })

  test('leaves timers their turns where a program asks ready in a loop', async () => {
    const { stream } = await handled((sent) => sent)
    const end = AbortSignal.timeout(30)
    let sent = 0
    await within(
      (async () => {
        for (; !end.aborted; sent++) {
          stream.push(note(sent))
          await stream.ready()
        }
      })(),
    )
    expect(sent).toBeGreaterThan(0)
  })
})

test('consume hears its signal while the ring is full, and the rest is read again', async () => {
  const gate = new Gate()
  const stream = await gate.stream()
  const stop = new AbortController()
  let read = 0
  const source = iterableSource<Note>(function* () {
    for (const one of notes(0, 5000, 'x'.repeat(200))) {
      read += 1
      yield one
    }
  })
  const consuming = stream.consume(source as never, { signal: stop.signal })
  await standsAt(() => read)
  stop.abort()
  const { rows } = await within(consuming)
  expect(rows).toBeLessThan(5000)
  gate.open()
  await stream.drain()
  expect(gate.written).toEqual(Array.from({ length: rows }, (_, id) => id))
})

describe('a writable that is destroyed while its message waits for room', () => {
  test('ends, and does not send it', async () => {
    const gate = new Gate()
    const stream = await gate.stream()
    const writable = stream.writable()
    let written = 0
    for (const one of notes(0, 4000, 'x'.repeat(200)))
      writable.write(one, (error) => void (written += error instanceof Error ? 0 : 1))
    writable.on('error', () => {})
    const taken = await standsAt(() => written)
    await within(
      new Promise((resolve) => {
        writable.once('close', resolve)
        writable.destroy(new Error('enough'))
      }),
    )
    gate.open()
    await stream.drain()
    expect(gate.written).toHaveLength(taken)
  })
})

describe('a handler that waits', () => {
  test('for a message of another key has its outcome, three deep', async () => {
    const handle = async ({ id, key }: Note): Promise<unknown> => {
      if (id >= 3) return { id, key }
      const { outcome } = await stream.send(note(id + 1) as Note, { acknowledge: 'processed' })
      return { id, key, outcome }
    }
    const stream: Stream<Note> = await kept(handle as never)
    stream.push(note(0))
    await within(stream.drain())
    expect(stream.counters()).toMatchObject({ stored: 4, processed: 4, parked: 0, inFlight: 0 })
  })

  test('for the outcome of a receipt has it', async () => {
    const stream: Stream<Note> = await kept(async ({ id }) => {
      if (id !== 0) return id
      const receipt = await stream.send(note(1))
      return ((await receipt.outcome) as End).outcome
    })
    stream.push(note(0))
    await within(stream.drain())
    expect(stream.counters()).toMatchObject({ stored: 2, processed: 2 })
  })

  test('keeps its key in order, and fails and is tried again like any other', async () => {
    const seen: string[] = []
    const stream: Stream<Note> = await kept(async ({ id, key }) => {
      if (key === 'parent' && id === 0) {
        await stream.send({ id: 100, key: 'child' }, { acknowledge: 'processed' })
        if (!seen.includes('failed')) {
          seen.push('failed')
          throw new Error('once')
        }
      }
      seen.push(`${key}:${id}`)
      return id
    })
    for (let id = 0; id < 3; id++) stream.push({ id, key: 'parent' })
    await within(stream.drain())
    expect(seen.filter((one) => one.startsWith('parent'))).toEqual([
      'parent:0',
      'parent:1',
      'parent:2',
    ])
    expect(stream.counters()).toMatchObject({ stored: 5, processed: 5, deadLettered: 0 })
  })

  test('for a message of its own key is told in words that neither ends', async () => {
    const stream: Stream<Note> = await kept(async ({ id }) => {
      if (id === 0) await stream.send({ id: 1, key: '0' }, { acknowledge: 'processed' })
      return id
    })
    const warned = new Promise<Error>((resolve) => {
      process.once('warning', resolve)
    })
    stream.push(note(0))
    expect(await within(warned, 20_000)).toMatchObject({
      code: 'SEMEL_WAITS_FOR_ITSELF',
      message: expect.stringContaining('send it with another key'),
    })
    await within(stream.close({ timeout: 50 }))
  })

  test('for the close of its own stream has that at its timeout', async () => {
    let closed: Promise<void> | undefined
    const stream: Stream<Note> = await kept(async () => {
      closed ??= stream.close({ timeout: 100 })
      await closed
    })
    stream.push(note(1))
    await until(() => closed !== undefined, 'the close')
    await within(closed as Promise<void>)
  })
})
