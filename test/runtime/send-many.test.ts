import { join } from 'node:path'
import { fixed, memory, pipeline, type End, type Receipt, type Status } from 'semel'
import { describe, expect, test } from 'vitest'
import {
  Gate,
  handled,
  inline,
  note,
  notes,
  rejection,
  sleep,
  standsAt,
  type Note,
} from './senders.js'
import { opened, scratch, small } from './verbs.js'

/** An id in its text, so that it can be refused at the door. */
interface Entry {
  readonly id: unknown
  readonly key: string
}

const statusesOf = (statuses: readonly Status<unknown>[]): string[] =>
  statuses.map(({ status }) => status)

async function* later(): AsyncGenerator<Note> {
  for (const one of notes(0, 5)) {
    await sleep(1)
    yield one
  }
}

function* endless(): Generator<Note> {
  for (let id = 0; ; id++) yield note(id)
}

function* broken(): Generator<Note> {
  yield note(0)
  throw new RangeError('no more')
}

async function* brokenLater(): AsyncGenerator<Note> {
  yield note(1)
  throw new RangeError('no more')
}

describe('sendMany', () => {
  test.each([
    ['a text', 'abc', /is one text, not many messages; give \[text\]/],
    ['the object of a text', new String('abc'), /is one text/],
    ['an empty text', '', /is one text/],
    ['a buffer', Buffer.from('abc'), /is bytes, not many messages/],
    ['a typed array', new Float64Array(2), /is bytes/],
    ['a data view', new DataView(new ArrayBuffer(8)), /is bytes/],
    ['a map', new Map([[1, 2]]), /is a map, not messages; give its values\(\)/],
    ['an object', { length: 1 }, /holds no messages/],
    ['nothing', undefined, /holds no messages/],
  ])('refuses %s, which is not many messages', async (_, value, message) => {
    const { stream } = await handled(() => 0)
    const sending = stream.sendMany(value as never)
    await expect(sending).rejects.toThrow(message)
    await expect(sending).rejects.toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
    expect(stream.counters().stored).toBe(0)
  })

  test('of a thousand names those that are refused by their place, and the others are acknowledged', async () => {
    const sink = memory<Entry>()
    const definition = pipeline('entries')
      .accepts<Entry>()
      .deliver('exactly-once', { id: ({ id }) => id as number, window: '1h' })
      .keyBy(({ key }) => key)
      .to(sink)
    const stream = await opened<Entry>(definition, {
      ...small,
      workers: 0,
      dir: scratch(),
      durability: 'process',
      acknowledge: 'processed',
    })
    const bad = 417
    const sent = Array.from({ length: 1000 }, (_, id) => ({
      id: id === bad ? 1.5 : id,
      key: `key-${id % 5}`,
    }))
    const statuses = await stream.sendMany(sent)
    expect(statuses).toHaveLength(1000)
    for (const [at, status] of statuses.entries()) {
      expect(status).toMatchObject(
        at === bad
          ? {
              status: 'refused',
              error: {
                code: 'SEMEL_INVALID_ARGUMENT',
                message: 'id: 1.5 is no id; return a string, a safe integer or a bigint of 64 bits',
              },
            }
          : { status: 'acknowledged', value: { outcome: 'processed', result: sent[at] } },
      )
    }
    expect(sink.outputs).toEqual(sent.filter((_, at) => at !== bad))
    expect(stream.counters()).toMatchObject({ stored: 999, processed: 999 })
  })

  test('lets later messages of a failing key wait, and all others go on', async () => {
    let mended = false
    const tried: number[] = []
    const definition = pipeline('failing')
      .accepts<Note>()
      .deliver('at-least-once')
      .keyBy(({ key }) => key as string)
      .retry({ attempts: 1000, backoff: fixed(2) })
      .map((sent) => {
        if (sent.id === 3 && !mended) throw new Error('not yet')
        tried.push(sent.id)
        return sent
      })
      .to(memory<Note>())
    const stream = await opened<Note>(definition, {
      ...small,
      workers: 0,
      dir: join(scratch(), 'data'),
      durability: 'process',
      acknowledge: 'processed',
    } as never)
    const sent = Array.from({ length: 30 }, (_, id) => ({ id, key: `key-${id % 3}` }))
    const ends: number[] = []
    const all = stream.sendMany(sent)
    // The same that one batch is, one by one.
    while (tried.length < 21) await sleep(1)
    await sleep(10)
    // Key 0 has got as far as its failing message; the other two are through.
    expect(tried.toSorted((a, b) => a - b)).toEqual(
      sent.flatMap(({ id }) => (id % 3 !== 0 || id === 0 ? [id] : [])),
    )
    expect(stream.counters()).toMatchObject({ processed: 21, parked: 9 })
    mended = true
    const statuses = (await all) as unknown as { value: End }[]
    for (const { value } of statuses) ends.push(value.sequence)
    expect(ends).toEqual(sent.map((_, at) => at + 1))
    expect(tried.filter((id) => id % 3 === 0)).toEqual([0, 3, 6, 9, 12, 15, 18, 21, 24, 27])
  })

  test('takes async iterables and iterables; of no messages there are no statuses', async () => {
    const { stream, sink } = await handled((sent) => sent)
    expect(statusesOf(await stream.sendMany(later()))).toEqual(Array(5).fill('acknowledged'))
    expect(statusesOf(await stream.sendMany(new Set(notes(5, 8))))).toHaveLength(3)
    expect(await stream.sendMany([])).toEqual([])
    await stream.drain()
    expect(sink.outputs.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  test.each([
    ['a generator', false],
    ['an async generator', true],
  ])('reads %s no further than there is room', async (_, isAsync) => {
    const gate = new Gate()
    const stream = await gate.stream()
    let read = 0
    function* many(): Generator<Note> {
      for (const one of notes(0, 5000, 'x'.repeat(200))) {
        read += 1
        yield one
      }
    }
    async function* manyLater(): AsyncGenerator<Note> {
      yield* many()
    }
    const sending = stream.sendMany(isAsync ? manyLater() : many())
    // What the ring, the staging buffer (1,024 rows) and one sender hold.
    const held = await standsAt(() => read)
    expect(held).toBeGreaterThan(200)
    expect(held).toBeLessThan(2000)
    gate.open()
    expect(await sending).toHaveLength(5000)
    await stream.drain()
    expect(gate.written).toHaveLength(5000)
  })

  test('gets its turn although other senders always wait', async () => {
    const gate = new Gate()
    gate.open()
    const stream = await gate.stream({ awaitedMax: 4, acknowledge: 'processed' })
    const others = { areOver: false }
    const sending = notes(1000, 1020).map(async (one) => {
      while (!others.areOver) await stream.send(one)
    })
    const statuses = await stream.sendMany(
      (function* () {
        yield* notes(0, 50)
      })(),
    )
    others.areOver = true
    await Promise.all(sending)
    expect(statusesOf(statuses)).toEqual(Array(50).fill('acknowledged'))
  })

  test('at its timeout tells what it knows: acknowledged, unknown, refused', async () => {
    const gate = new Gate()
    const stream = await gate.stream({ awaitedMax: 5, acknowledge: 'processed' })
    const sending = stream.sendMany(notes(0, 8), { timeout: 20 })
    const statuses = await sending
    expect(statusesOf(statuses)).toEqual([...Array(5).fill('unknown'), ...Array(3).fill('refused')])
    expect(statuses[0]).toMatchObject({
      error: { code: 'SEMEL_ACK_TIMEOUT', taken: true, retriable: true },
    })
    expect(statuses[7]).toMatchObject({
      error: { code: 'SEMEL_ACK_TIMEOUT', taken: false, retriable: true },
    })
    const late: number[] = []
    stream.on('late-outcome', ({ sequence }) => late.push(sequence))
    gate.open()
    await stream.drain()
    expect(gate.written).toEqual([0, 1, 2, 3, 4])
    expect(late).toEqual([1, 2, 3, 4, 5])
    expect(stream.lateOutcomes).toBe(5)
  })

  test('is not held by a source that stands still', async () => {
    const { stream } = await handled((sent) => sent)
    let isReturned = false
    const still: AsyncIterable<Note> = {
      [Symbol.asyncIterator]: () => {
        let id = 0
        return {
          next: () =>
            id < 2
              ? Promise.resolve({ done: false, value: note(id++) })
              : new Promise<never>(() => {}),
          return: () => {
            isReturned = true
            return new Promise<never>(() => {})
          },
        }
      },
    }
    const statuses = await stream.sendMany(still, { timeout: 20 })
    expect(statusesOf(statuses)).toEqual(['acknowledged', 'acknowledged'])
    expect(isReturned).toBe(true)
    const stop = new AbortController()
    const sending = stream.sendMany(still, { signal: stop.signal })
    await sleep(5)
    stop.abort()
    expect(await sending).toHaveLength(2)
  })

  test('reads no more of a generator that never ends once it gives up', async () => {
    const gate = new Gate()
    const stream = await gate.stream({ awaitedMax: 3 })
    const statuses = await stream.sendMany(endless(), { timeout: 20 })
    expect(statusesOf(statuses)).toEqual([...Array(3).fill('acknowledged'), 'refused'])
  })

  test('passes on what the messages throw; those that were sent stay sent', async () => {
    const { stream, sink } = await handled((sent) => sent)
    for (const source of [broken(), brokenLater()]) {
      expect(await rejection(stream.sendMany(source))).toEqual(new RangeError('no more'))
    }
    await stream.drain()
    expect(sink.outputs.map(({ id }) => id)).toEqual([0, 1])
  })

  test('with a signal that was given sends nothing', async () => {
    const { stream } = await handled((sent) => sent)
    const reason = new Error('enough')
    const sending = stream.sendMany(notes(0, 3), { signal: AbortSignal.abort(reason) })
    expect(await rejection(sending)).toBe(reason)
    expect(stream.counters().stored).toBe(0)
  })

  test('of a stream that is closed under it tells that of each', async () => {
    const gate = new Gate()
    const stream = await gate.stream({ awaitedMax: 2, acknowledge: 'processed' })
    const sending = stream.sendMany(notes(0, 4))
    await sleep(5)
    await stream.close({ timeout: 5 })
    const statuses = await sending
    expect(statusesOf(statuses)).toEqual(['unknown', 'unknown', 'refused', 'refused'])
    for (const status of statuses) {
      expect(status).toMatchObject({ error: { code: 'SEMEL_CLOSED' } })
    }
    // Of the closed one, too.
    expect(await stream.sendMany(notes(0, 1))).toMatchObject([
      { status: 'refused', error: { code: 'SEMEL_CLOSED' } },
    ])
  })

  test('in stored mode gives a receipt for each, with its outcome', async () => {
    const { stream } = await handled((sent) => sent, inline)
    const statuses = await stream.sendMany(notes(0, 3))
    const receipts = statuses.map((status) => (status as unknown as { value: Receipt }).value)
    const ends = await Promise.all(receipts.map(({ outcome }) => outcome))
    expect(ends.map(({ outcome }) => outcome)).toEqual(['processed', 'processed', 'processed'])
  })
})
