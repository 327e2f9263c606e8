import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import {
  fixed,
  forEach,
  frames,
  memory,
  pipeline,
  type Frame,
  type MessageContext,
  type Stream,
} from 'semel'
import { readDeadLetters } from 'semel/directory'
import { describe, expect, test } from 'vitest'
import {
  expectBalanced,
  fixture,
  next,
  opened,
  scratch,
  small,
  until,
  whileBalanced,
} from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 10)

interface Task {
  readonly id: number
  readonly key?: string
  /** Attempts that fail before one works. */
  readonly fails?: number
}

interface Run {
  readonly id: number
  readonly attempt: number
  readonly atMs: number
}

const inline = (dir = scratch()) => ({ dir, ...small, workers: 0, durability: 'process' }) as const

/** What the handler runs, and how: at once, or with promises. */
function tasks(runs: Run[], { attempts = 3, isAsync = false, backoffMs = 1 } = {}) {
  const failed = new Map<number, number>()
  const run = (task: Task, { attempt }: MessageContext): Task => {
    runs.push({ id: task.id, attempt, atMs: Date.now() })
    const before = failed.get(task.id) ?? 0
    if (before >= (task.fails ?? 0)) return task
    failed.set(task.id, before + 1)
    throw new Error(`${task.id} fails`)
  }
  return pipeline('tasks')
    .accepts<Task>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .keyBy(({ key }) => key ?? 'a')
    .retry({ attempts, backoff: fixed(backoffMs) })
    .map((task, context) => {
      if (!isAsync) return run(task, context)
      return sleep(0).then(() => run(task, context))
    })
}

const soon = (ms: number): number => Date.now() + ms
const ids = (outputs: readonly unknown[]): number[] => (outputs as Task[]).map(({ id }) => id)
/** Clocks of a process and of its stream are read at different times. */
const toleranceMs = 3

describe.each([
  ['at once', false],
  ['with promises', true],
])('a message that is sent for later, where handlers answer %s', (_, isAsync) => {
  test('is processed when it is due, as its first attempt, and later ones of its key before', async () => {
    const runs: Run[] = []
    const sink = memory<Task>()
    const stream = await opened(tasks(runs, { isAsync }).to(sink), inline())
    const at = soon(600)
    await whileBalanced(stream, async () => {
      stream.push({ id: 1 }, { at })
      stream.push({ id: 2 })
      stream.push({ id: 3 }, { at: new Date(at + 50) })
      stream.push({ id: 4 })
      await until(() => sink.outputs.length === 2)
      expect(stream.counters()).toMatchObject({ stored: 4, parked: 2, processed: 2 })
      await stream.drain()
    })
    expect(ids(sink.outputs)).toEqual([2, 4, 1, 3])
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1])
    const atMsOf = (id: number): number => runs.find((run) => run.id === id)?.atMs ?? 0
    expect(atMsOf(1)).toBeGreaterThanOrEqual(at - toleranceMs)
    expect(atMsOf(3)).toBeGreaterThanOrEqual(at + 50 - toleranceMs)
  })

  test('keeps its time when the stream is closed and opened again', async () => {
    const runs: Run[] = []
    const sink = memory<Task>()
    const definition = tasks(runs, { isAsync }).to(sink)
    const dir = scratch()
    const at = soon(1200)
    const first = await opened(definition, inline(dir))
    first.push({ id: 1 }, { at, headers: { a: 'b' } })
    first.push({ id: 2 })
    await first.close()
    expect(runs.map(({ id }) => id)).toEqual([2])
    const second = await opened(definition, inline(dir))
    expect(second.counters()).toMatchObject({ stored: 2, parked: 1 })
    second.push({ id: 3 })
    await second.drain()
    expect(ids(sink.outputs)).toEqual([2, 3, 1])
    expect(runs.at(-1)).toMatchObject({ id: 1, attempt: 1 })
    expect(runs.at(-1)?.atMs).toBeGreaterThanOrEqual(at - toleranceMs)
  })

  test('keeps its turn among those that wait when the stream is closed', async () => {
    const runs: Run[] = []
    const sink = memory<Task>()
    const definition = tasks(runs, { isAsync, backoffMs: 1500 }).to(sink)
    const dir = scratch()
    const first = await opened(definition, inline(dir))
    const at = soon(300)
    first.push({ id: 1 }, { at: at + 1 })
    first.push({ id: 2 }, { at })
    first.push({ id: 3, fails: 1 })
    await until(() => Date.now() > at + 50)
    first.push({ id: 4 })
    first.push({ id: 5, key: 'b' })
    await until(() => sink.outputs.length === 1)
    expect(first.counters()).toMatchObject({ parked: 4 })
    await first.close()
    const second = await opened(definition, inline(dir))
    second.push({ id: 6 })
    await second.drain()
    expect(ids(sink.outputs)).toEqual([5, 3, 2, 1, 4, 6])
  })

  test('comes behind one that was sent later and was due before, where both are when it is opened again', async () => {
    const runs: Run[] = []
    const sink = memory<Task>()
    const definition = tasks(runs, { isAsync }).to(sink)
    const dir = scratch()
    const at = soon(600)
    const first = await opened(definition, inline(dir))
    for (const id of [1, 2, 3, 4]) first.push({ id, fails: id === 2 ? 1 : 0 }, { at: at - id })
    await first.close()
    expect(runs).toEqual([])
    await until(() => Date.now() > at)
    const second = await opened(definition, inline(dir))
    await second.drain({ timeout: 5000 })
    expect(ids(sink.outputs)).toEqual([4, 3, 2, 1])
    expect(runs).toHaveLength(5)
  })

  test('is processed at once where its time has passed, in its turn', async () => {
    const sink = memory<Task>()
    const stream = await opened(tasks([], { isAsync }).to(sink), inline())
    stream.push({ id: 1 }, { at: 0 })
    stream.push({ id: 2 })
    stream.push({ id: 3 }, { at: new Date(Date.now() - 1) })
    stream.push({ id: 4, fails: 1 }, { at: new Date('1969-01-01') })
    stream.push({ id: 5 }, { at: 1 })
    stream.push({ id: 6 })
    await stream.drain()
    expect(ids(sink.outputs)).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('comes behind an earlier one of its key that has failed and waits', async () => {
    const runs: Run[] = []
    const sink = memory<Task>()
    const definition = tasks(runs, { isAsync, backoffMs: 900 }).to(sink)
    const stream = await opened(definition, inline())
    const at = soon(300)
    stream.push({ id: 1 }, { at })
    stream.push({ id: 2, fails: 1 })
    stream.push({ id: 3 })
    stream.push({ id: 4, key: 'b' }, { at })
    await stream.drain()
    expect(ids(sink.outputs)).toEqual([4, 2, 3, 1])
    expect(runs.filter(({ id }) => id === 1)).toHaveLength(1)
  })

  test('that fails is tried again, and those that come meanwhile wait behind it', async () => {
    const runs: Run[] = []
    const sink = memory<Task>()
    const definition = tasks(runs, { isAsync, backoffMs: 300 }).to(sink)
    const stream = await opened(definition, inline())
    const at = soon(300)
    stream.push({ id: 1, fails: 1 }, { at })
    stream.push({ id: 2 }, { at })
    await until(() => runs.length > 0)
    stream.push({ id: 3 })
    stream.push({ id: 4, key: 'b' })
    await stream.drain()
    expect(ids(sink.outputs)).toEqual([4, 1, 2, 3])
    expect(runs.filter(({ id }) => id === 1).map(({ attempt }) => attempt)).toEqual([1, 2])
  })

  test('reserves its id: a copy is a duplicate at once, after a reopening too', async () => {
    const sink = memory<Task>()
    const definition = tasks([], { isAsync }).to(sink)
    const dir = scratch()
    const first = await opened(definition, inline(dir))
    await first.send({ id: 1 }, { at: soon(1500) })
    const copies = { acknowledge: 'processed' } as const
    expect(await first.send({ id: 1 }, copies)).toMatchObject({ outcome: 'duplicate' })
    expect(await first.send({ id: 1 }, { ...copies, at: soon(5000) })).toMatchObject({
      outcome: 'duplicate',
    })
    await first.close()
    const second = await opened(definition, inline(dir))
    expect(await second.send({ id: 1 }, copies)).toMatchObject({ outcome: 'duplicate' })
    await second.drain()
    expect(ids(sink.outputs)).toEqual([1])
    expect(second.counters()).toMatchObject({ stored: 4, processed: 1, duplicate: 3 })
  })

  test('is itself the duplicate where its first copy was not sent for later', async () => {
    const sink = memory<Task>()
    const stream = await opened(tasks([], { isAsync, backoffMs: 50 }).to(sink), inline())
    for (const [id, fails] of [[1, 0] as const, [2, 1] as const]) {
      stream.push({ id, fails })
      stream.push({ id, fails }, { at: soon(10_000) })
    }
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ stored: 4, processed: 2, duplicate: 2 })
  })

  test('becomes a dead letter like any other, which is sent again without a wait', async () => {
    const sink = memory<Task>()
    const definition = tasks([], { isAsync, attempts: 2 }).to(sink)
    const dir = scratch()
    const stream = await opened(definition, inline(dir))
    await stream.send({ id: 1, fails: 2 }, { at: soon(50), headers: { a: 'b' } })
    await stream.drain()
    const [letter] = readDeadLetters(dir)
    expect(letter).toMatchObject({ message: { id: 1 }, headers: { a: 'b' }, attempts: 2 })
    await stream.deadLetters.retry(letter as NonNullable<typeof letter>)
    await stream.drain({ timeout: 5000 })
    expect(ids(sink.outputs)).toEqual([1])
  })
})

describe('who sends for later', () => {
  test('is told as soon as it is stored, or when it has been processed', async () => {
    const stream = await opened(tasks([]).to(memory<Task>()), inline())
    const at = soon(600)
    const receipt = await stream.send({ id: 1 }, { at })
    expect(Date.now()).toBeLessThan(at)
    const end = await stream.send({ id: 2 }, { at, acknowledge: 'processed' })
    expect(end).toMatchObject({ outcome: 'processed', result: { id: 2 } })
    expect(Date.now()).toBeGreaterThanOrEqual(at - toleranceMs)
    expect(await receipt.outcome).toMatchObject({ outcome: 'processed' })
  })

  test('has given up, where its timeout is over before', async () => {
    const stream = await opened(tasks([]).to(memory<Task>()), inline())
    const sent = stream.send({ id: 1 }, { at: soon(600), acknowledge: 'processed', timeout: 50 })
    await expect(sent).rejects.toMatchObject({ code: 'SEMEL_ACK_TIMEOUT', taken: true })
    expect(await next(stream, 'late-outcome')).toMatchObject({ outcome: 'processed' })
  })

  test('is told that it is parked, where batches are acknowledged', async () => {
    const stream = await opened(tasks([]).to(memory<Task>()), {
      ...inline(),
      acknowledge: { batched: 2, within: '1h' },
    })
    const at = soon(600)
    const ends = await Promise.all([stream.send({ id: 1 }, { at }), stream.send({ id: 2 })])
    expect(ends.map(({ outcome }) => outcome)).toEqual(['parked', 'processed'])
    expect(await next(stream, 'late-outcome')).toMatchObject({ outcome: 'processed' })
  })

  test.each([-1, 0, 86_400_000])('at most once is refused, %i ms from now', async (ms) => {
    const definition = pipeline('gone').accepts<Task>().deliver('at-most-once').to(memory<Task>())
    const stream = await opened(definition, { ...small, workers: 0 })
    const refusal = expect.objectContaining({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringMatching(/^at: at-most-once keeps no message for later/) as string,
    }) as Error
    const at = soon(ms)
    expect(() => stream.push({ id: 1 }, { at })).toThrow(refusal)
    await expect(stream.send({ id: 1 }, { at })).rejects.toThrow(refusal)
    const [status] = await stream.sendMany([{ id: 1 }], { at })
    expect(status).toEqual({ status: 'refused', error: refusal })
    expect(stream.counters().stored).toBe(0)
  })

  test('is refused by class, where messages choose their delivery', async () => {
    const sink = memory<Task>()
    const definition = pipeline('moves')
      .accepts<Task>()
      .deliver(({ id }) => (id % 2 === 0 ? 'at-most-once' : 'at-least-once'), {
        'at-most-once': {},
        'at-least-once': {},
      })
      .to(sink)
    const stream = await opened(definition, inline())
    expect(() => stream.push({ id: 2 }, { at: soon(50) })).toThrow(/at-most-once keeps no message/)
    stream.push({ id: 1 }, { at: soon(50) })
    await stream.drain()
    expect(ids(sink.outputs)).toEqual([1])
  })

  test('gives a time', async () => {
    const stream = await opened(tasks([]).to(memory<Task>()), inline())
    await expect(stream.send({ id: 1 }, { at: '1h' as never })).rejects.toThrow(
      /send\.at: "1h" is no time; give a Date, or milliseconds since 1970/,
    )
    expect(() => stream.push({ id: 1 }, { at: Number.NaN })).toThrow(/push\.at: NaN is no time/)
  })
})

const frame = (id: number) => new Uint8Array(new Uint32Array([id, 0, 0]).buffer)

describe('messages that are sent for later', () => {
  test('count as parked, and stall the shard where there are too many', async () => {
    const sink = memory<Task>()
    const stream = await opened(tasks([]).to(sink), { ...inline(), parkedMax: 20, inFlightMax: 16 })
    const stalled = next<{ reason: string }>(stream, 'stalled')
    const at = soon(800)
    for (let id = 0; id < 40; id++) stream.push({ id }, { at })
    stream.push({ id: 99 })
    expect(await stalled).toMatchObject({ reason: 'parked' })
    expect(ids(sink.outputs)).toEqual([])
    expect(Date.now()).toBeLessThan(at)
    await stream.drain({ timeout: 10_000 })
    expect(ids(sink.outputs).toSorted((a, b) => a - b)).toEqual([
      ...Array.from({ length: 40 }, (_, id) => id),
      99,
    ])
  })

  test('may be due later than any timer reaches', async () => {
    const dir = scratch()
    const definition = tasks([]).to(memory<Task>())
    const stream = await opened(definition, inline(dir))
    for (const [id, at] of [2 ** 31, 2 ** 33, 8.64e15].entries())
      await stream.send({ id }, { at: Math.min(soon(at), 8.64e15) })
    await sleep(30)
    expect(stream.counters()).toMatchObject({ parked: 3, processed: 0 })
    await stream.close()
    const again = await opened(definition, inline(dir))
    await sleep(30)
    expect(again.counters()).toMatchObject({ parked: 3, processed: 0 })
  })

  test('let drain wait until they are due', async () => {
    const stream = await opened(tasks([]).to(memory<Task>()), inline())
    await stream.send({ id: 1 }, { at: soon(600) })
    await expect(stream.drain({ timeout: 50 })).rejects.toMatchObject({ code: 'SEMEL_TIMEOUT' })
    await stream.drain()
    expect(stream.counters().processed).toBe(1)
  })

  test('without a key go by their times alone', async () => {
    const sink = memory<Task>()
    const definition = pipeline('loose').accepts<Task>().deliver('at-least-once').to(sink)
    const stream = await opened(definition, inline())
    const at = soon(500)
    for (const [id, ms] of [60, 20, 40, 0].entries()) stream.push({ id }, { at: at + ms })
    stream.push({ id: 9 })
    await stream.drain()
    expect(ids(sink.outputs)).toEqual([9, 3, 1, 2, 0])
  })

  test('may be frames', async () => {
    const sink = memory<number>()
    const definition = pipeline('raw')
      .accepts(frames({ size: 12 }))
      .deliver('at-least-once')
      .map((raw: Frame) => raw.u32(0))
      .to(sink)
    const dir = scratch()
    const first = await opened(definition, inline(dir))
    first.push(frame(1), { at: soon(800) })
    first.push(frame(2))
    await first.flush()
    await first.close()
    const second = await opened(definition, inline(dir))
    await second.drain()
    expect(sink.outputs).toEqual([2, 1])
  })

  test('are processed on worker threads, though nothing else comes', async () => {
    const dir = scratch()
    const path = join(dir, 'out.ndjson')
    const url = fixture('headers.pipeline', { path })
    const options = { dir: join(dir, 'data'), ...small, durability: 'process' } as const
    const stream: Stream<Task> = await opened<Task>(url, options)
    const at = soon(500)
    const end = await stream.send({ id: 1 }, { at, acknowledge: 'processed' })
    expect(end).toMatchObject({ result: { id: 1 } })
    expect(Date.now()).toBeGreaterThanOrEqual(at - toleranceMs)
  })

  test('make no message run twice that passes them while the sink is busy', async () => {
    const runs: Run[] = []
    const written: number[] = []
    const definition = tasks(runs).to(
      forEach(
        async ({ id }: Task) => {
          await sleep(2)
          written.push(id)
        },
        { idempotent: true },
      ),
    )
    const stream = await opened(definition, inline())
    const at = soon(30)
    for (let id = 0; id < 60; id++) {
      stream.push({ id }, id % 6 === 0 ? { at: at + id } : undefined)
      if (id % 3 === 0) await sleep(2)
    }
    await stream.drain()
    expect(written.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, id) => id))
    expect(runs).toHaveLength(60)
    const ordinary = written.filter((id) => id % 6 !== 0)
    expect(ordinary).toEqual(ordinary.toSorted((a, b) => a - b))
  })
})

// ---- drawn against a plain model ----

const drawn = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  fails: fc.constantFrom(0, 0, 0, 1, 2, 9),
  /** Behind the start; undefined: at once. */
  delayMs: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
})

describe('whatever is sent for later', () => {
  test.each([
    ['at once', false],
    ['with promises', true],
  ])('is processed in its time and order, handlers answering %s', async (_, isAsync) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(drawn, { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 3 }),
        async (messages, reopenedAt) => {
          const runs: Run[] = []
          const sink = memory<Task>()
          const definition = tasks(runs, { isAsync }).to(sink)
          const dir = scratch()
          let stream = await opened(definition, inline(dir))
          const startMs = Date.now() + 20
          const dueMs = (id: number): number => {
            const delayMs = messages[id]?.delayMs
            return delayMs === undefined ? 0 : startMs + delayMs
          }
          for (const [id, { key, fails, delayMs }] of messages.entries()) {
            if (reopenedAt.includes(id)) {
              await stream.close()
              stream = await opened(definition, inline(dir))
            }
            stream.push({ id, key, fails }, delayMs === undefined ? undefined : { at: dueMs(id) })
          }
          await stream.drain()
          const counters = stream.counters()
          expectBalanced(counters)
          const dead = messages.filter(({ fails }) => fails >= 3).length
          expect(counters).toMatchObject({ parked: 0, deadLettered: dead })
          expect(ids(sink.outputs).toSorted((a, b) => a - b)).toEqual(
            messages.flatMap(({ fails }, id) => (fails < 3 ? [id] : [])),
          )
          for (const { id, atMs } of runs) {
            expect(atMs).toBeGreaterThanOrEqual(dueMs(id) - toleranceMs)
          }
          for (const [id, { fails }] of messages.entries()) {
            const attempts = runs.filter((run) => run.id === id).map(({ attempt }) => attempt)
            const many = Math.min(fails, 2) + 1
            expect(attempts).toEqual(Array.from({ length: many }, (__, at) => at + 1))
          }
          for (const key of ['a', 'b', 'c']) {
            const ordinary = ids(sink.outputs.filter((task) => task.key === key)).filter(
              (id) => dueMs(id) === 0,
            )
            expect(ordinary).toEqual(ordinary.toSorted((a, b) => a - b))
          }
          await stream.close()
        },
      ),
      { numRuns },
    )
  })
})
