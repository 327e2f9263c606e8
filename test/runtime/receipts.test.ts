import { memory, pipeline, SemelError, type Completion } from 'semel'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Gate, handled, note, notes, rejection, sleep, type Note } from './senders.js'
import { fixture, next, opened, scratch, small, startScript } from './verbs.js'

const processed = { acknowledge: 'processed' } as const

describe('a receipt', () => {
  test('tells the outcome to who asks late, and twice', async () => {
    const { stream } = await handled((sent) => sent)
    const receipt = await stream.send(note(1))
    await stream.drain()
    const asked = (receipt as { outcome: Promise<unknown> }).outcome
    expect((receipt as { outcome: Promise<unknown> }).outcome).toBe(asked)
    expect(await asked).toEqual({
      shard: 0,
      sequence: 1,
      durability: 'memory',
      outcome: 'processed',
    })
  })

  test('tells the outcome of a closed stream where it was known, and else that it is closed', async () => {
    const gate = new Gate()
    const { stream } = await handled((sent) => sent)
    const held = await gate.stream()
    const known = (await stream.send(note(1))) as { outcome: Promise<unknown> }
    const unknown = (await held.send(note(1))) as { outcome: Promise<unknown> }
    await stream.close()
    await held.close({ timeout: 5 })
    expect(await known.outcome).toMatchObject({ outcome: 'processed' })
    expect(await rejection(unknown.outcome)).toMatchObject({ code: 'SEMEL_CLOSED' })
  })

  test('whose outcome nobody asks for rejects nothing, and ends no program', async () => {
    const unhandled: unknown[] = []
    const note1 = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note1)
    onTestFinished(() => void process.off('unhandledRejection', note1))
    const gate = new Gate()
    const stream = await gate.stream()
    for (const one of notes(0, 5)) await stream.send(one)
    await stream.close({ timeout: 5 })
    await sleep(5)
    expect(unhandled).toEqual([])
  })

  const program = `
    import { memory, open, pipeline } from 'semel'
    const never = pipeline('never').accepts().deliver('at-least-once')
      .map(({ held }) => held ? new Promise(() => {}) : 'done').to(memory())
    const stream = await open(never,
      { workers: 0, dir: ${JSON.stringify('DIR')}, durability: { interval: 100 }, ring: '64KiB' })`

  // Inline: workers keep a process alive.
  test('whose outcome nobody asks for does not keep an idle process alive', async () => {
    const { code, stdout, stderr } = await startScript(`${program.replace('DIR', scratch())}
      for (let id = 0; id < 3; id++) await stream.send({ held: true })
      console.log('sent')`).ended
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'sent\n', stderr: '' })
  })

  test('whose outcome is asked for keeps the process alive until it is told', async () => {
    // Nothing but the sync thread brings it.
    const { code, stdout } = await startScript(`${program.replace('DIR', scratch())}
      const receipt = await stream.send({ held: false })
      void receipt.outcome.then(({ outcome }) => console.log(outcome))`).ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'processed\n' })
  })
})

describe('a result', () => {
  test('that is too large is left out, and the message is processed all the same', async () => {
    const { stream, sink } = await handled(() => 'x'.repeat(20_000), processed)
    const end = (await stream.send(note(1))) as Completion<string>
    expect(end).toMatchObject({ outcome: 'processed', result: undefined, results: [] })
    expect(end.error).toBeInstanceOf(SemelError)
    expect(end.error).toMatchObject({
      code: 'SEMEL_RESULT',
      message: expect.stringMatching(
        /^the result takes more than the \d+ bytes that fit; open the stream with a larger ring$/,
      ),
    })
    expect(sink.outputs).toEqual(['x'.repeat(20_000)])
    expect(stream.counters()).toMatchObject({ stored: 1, processed: 1 })
  })

  test('that can’t be encoded is left out, and the message is processed all the same', async () => {
    const throwing = {
      get part(): string {
        throw new RangeError('no part')
      },
    }
    const { stream } = await handled(({ id }) => (id === 1 ? throwing : 'plain'), processed)
    const end = (await stream.send(note(1))) as Completion<unknown>
    expect(end).toMatchObject({
      outcome: 'processed',
      results: [],
      error: {
        code: 'SEMEL_RESULT',
        message:
          "the result can't be encoded: result[0].part: its getter, or a proxy, threw no part; let the operators put out plain data",
      },
    })
    expect(await stream.send(note(2))).toMatchObject({ outcome: 'processed', result: 'plain' })
  })

  test('comes back as it was: dates, maps, bytes, big integers, undefined', async () => {
    const value = {
      at: new Date(5),
      map: new Map([['a', 1]]),
      bytes: new Uint8Array([1, 2, 3]),
      big: 2n ** 60n,
      list: [null, 'ä', 1.5, undefined],
      by: new Map([[{ x: 1 }, 2]]),
    }
    const { stream } = await handled(() => value, processed)
    const results = await Promise.all(notes(0, 50).map((one) => stream.send(one)))
    // Each is the sender's own: what comes later does not write over it.
    for (const end of results) expect((end as { result?: unknown }).result).toEqual(value)
  })

  test('of a batch is told to each that has a part in it', async () => {
    const definition = pipeline('batched')
      .accepts<Note>()
      .deliver('at-most-once')
      .batch(3, { within: '5ms' })
      .map((batch) => batch.map(({ id }) => id))
      .to(memory())
    const stream = await opened(definition as never, { ...small, workers: 0, ...processed })
    const ends = await Promise.all(notes(0, 6).map((one) => stream.send(one as never)))
    expect(ends.map((end) => (end as Completion<number[]>).outcome)).toEqual(
      Array(6).fill('processed'),
    )
    expect(ends.map((end) => (end as unknown as { results: number[][] }).results)).toEqual([
      ...Array.from({ length: 3 }, () => [[0, 1, 2]]),
      ...Array.from({ length: 3 }, () => [[3, 4, 5]]),
    ])
  })
})

test('results that take more than the way back has room for are left out, and nothing stands still', async () => {
  // 64 KiB hold nine of them, and they are committed together.
  const { stream } = await handled(({ id }) => `${id}`.padEnd(7000, 'x'), processed)
  const ends = await Promise.all(notes(0, 300).map((one) => stream.send(one)))
  const told = (ends as Completion<string>[]).flatMap((end) => {
    expect(end.outcome).toBe('processed')
    if (end.error !== undefined) {
      expect(end).toMatchObject({
        result: undefined,
        results: [],
        error: {
          name: 'SemelError',
          code: 'SEMEL_RESULT',
          message:
            'the results of the messages that were committed together take more than fits; open the stream with a larger ring',
        },
      })
      return []
    }
    const { result } = end as { result: string }
    expect(Number.parseInt(result, 10)).toBe(end.sequence - 1)
    return [result]
  })
  expect(told.length).toBeGreaterThan(0)
  expect(told.length).toBeLessThan(300)
  // One after another, all of them fit.
  for (const one of notes(0, 20)) {
    expect(await stream.send(one)).toMatchObject({ result: `${one.id}`.padEnd(7000, 'x') })
  }
})

describe('a handler that sends into its own stream', () => {
  test('is told of its messages', async () => {
    const own: { send?: (id: number) => Promise<unknown> } = {}
    const { stream, sink } = await handled(
      async ({ id }) => {
        if (id < 3) await own.send?.(id + 10)
        return id
      },
      { waiting: 'balanced' },
    )
    own.send = (id) => stream.send(note(id))
    const receipts = await Promise.all(notes(0, 3).map((one) => stream.send(one)))
    for (const receipt of receipts) {
      expect(await receipt.outcome).toMatchObject({ outcome: 'processed' })
    }
    await stream.drain()
    expect(sink.outputs.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 10, 11, 12])
  })

  test('in the same turn finds its place behind those that wait', async () => {
    const own: { send?: (id: number) => void } = {}
    const ends: string[] = []
    const { stream, sink } = await handled(
      ({ id }) => {
        if (id < 50) own.send?.(id + 100)
        return id
      },
      { ...processed, awaitedMax: 4 },
    )
    own.send = (id) =>
      void stream.send(note(id)).then((end) => ends.push((end as Completion<number>).outcome))
    await Promise.all(notes(0, 50).map((one) => stream.send(one)))
    while (ends.length < 50) await sleep(1)
    expect(ends).toEqual(Array(50).fill('processed'))
    expect(sink.outputs).toHaveLength(100)
    expect(new Set(sink.outputs).size).toBe(100)
  })
})

test.each(['processed', 'stored', 'batched'] as const)(
  'a stream that spins tells its senders, and rests when nobody waits (%s)',
  async (acknowledge) => {
    const url = fixture('tasks.pipeline', {
      to: `${scratch()}/out.ndjson`,
      delivery: 'at-most-once',
    })
    const stream = await opened<object>(url, {
      ...small,
      workers: 1,
      waiting: 'spin',
      acknowledge,
    })
    for (let id = 0; id < 20; id++) {
      const told = (await stream.send({ id, key: 'a', act: 'pass' })) as { outcome: unknown }
      const end = typeof told.outcome === 'string' ? told : await told.outcome
      expect(end).toMatchObject({ outcome: 'processed', sequence: id + 1 })
    }
    await stream.close()
  },
)

test('a listener of late outcomes that throws holds up no one else', async () => {
  const gate = new Gate()
  const stream = await gate.stream(processed)
  const thrown = next<unknown>(
    { once: (_, listener) => process.once('uncaughtException', listener) },
    'uncaughtException',
  )
  const others = process.listeners('uncaughtException').slice(0, -1)
  for (const other of others) process.off('uncaughtException', other)
  onTestFinished(() => {
    for (const other of others) process.on('uncaughtException', other)
  })
  stream.on('late-outcome', () => {
    throw new Error('the listener fails')
  })
  const [late, waits] = [rejection(stream.send(note(1), { timeout: 10 })), stream.send(note(2))]
  expect(await late).toMatchObject({ code: 'SEMEL_ACK_TIMEOUT', taken: true })
  gate.open()
  expect(await waits).toMatchObject({ outcome: 'processed', sequence: 2 })
  expect(await thrown).toEqual(new Error('the listener fails'))
  expect(await stream.send(note(3))).toMatchObject({ outcome: 'processed', sequence: 3 })
})

test('ten thousand senders may wait by one signal', async () => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  onTestFinished(() => void process.off('warning', warn))
  const gate = new Gate()
  const stream = await gate.stream({ ...processed, awaitedMax: 100 })
  const stop = new AbortController()
  const sending = notes(0, 10_000).map((one) =>
    rejection(stream.send(one, { signal: stop.signal, timeout: 60_000 })),
  )
  await sleep(5)
  const reason = new Error('enough')
  stop.abort(reason)
  expect(new Set(await Promise.all(sending))).toEqual(new Set([reason]))
  gate.open()
  await stream.drain()
  expect(gate.written).toHaveLength(100)
  expect(stream.lateOutcomes).toBe(100)
  expect(warnings).toEqual([])
})
