import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  Fatal,
  fixed,
  forEach,
  memory,
  pipeline,
  Unavailable,
  type DeadLetter,
  type MessageContext,
  type Stream,
} from 'semel'
import { describe, expect, test } from 'vitest'
import { expectBalanced, fixture, opened, pushAll, scratch, small, until } from './verbs.js'

interface Job {
  readonly id: number
  readonly key: string
}

const jobs = (...keys: string[]): Job[] => keys.map((key, id) => ({ id, key }))
const inline = (dir = scratch()) => ({ ...small, dir, workers: 0, durability: 'process' }) as const
const atMostOnce = { ...small, workers: 0, durability: 'memory' } as const
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })
const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

const start = () =>
  pipeline('jobs')
    .accepts<Job>()
    .deliver('at-least-once', { id: ({ id }) => id, window: '1h' })
    .keyBy(({ key }) => key)
    .retry({ attempts: 5, backoff: fixed(1) })

const fleeting = () =>
  pipeline('jobs')
    .accepts<Job>()
    .deliver('at-most-once')
    .keyBy(({ key }) => key)

const letters = (stream: Stream<never> | Stream<Job>): DeadLetter[] => [
  ...stream.deadLetters.list(),
]
const lines = (to: string): string[] =>
  existsSync(to) ? readFileSync(to, 'utf8').split('\n').slice(0, -1) : []
const ids = (written: readonly Job[]): number[] => written.map(({ id }) => id)

/** Answers at once, or with a promise. */
const ways = {
  sync: (act: () => void) => act(),
  async: async (act: () => void) => {
    await turn()
    act()
  },
} as const
const bothWays = ['sync', 'async'] as const

describe('Fatal', () => {
  test.each(bothWays)('makes a dead letter at once, with its history: %s', async (way) => {
    const sink = memory<Job>()
    let runs = 0
    const definition = start()
      .tap(({ id }) =>
        ways[way](() => {
          if (id !== 1) return
          runs += 1
          if (runs === 1) throw new Error('first as usual')
          throw new Fatal('no such account', { cause: new Error('404') })
        }),
      )
      .to(sink)
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a', 'a', 'a', 'b'))
    await stream.drain({ timeout: 5000 })
    expect(runs).toBe(2)
    expect(ids(sink.outputs).filter((id) => id < 3)).toEqual([0, 2])
    const [letter, ...others] = letters(stream)
    expect(others).toEqual([])
    expect(letter).toMatchObject({
      attempts: 2,
      message: { id: 1 },
      history: [
        { attempt: 1, error: 'Error: first as usual' },
        { attempt: 2, error: 'Fatal: no such account', code: 'SEMEL_FATAL', endedBy: 'fatal' },
      ],
    })
    expect(letter?.history[0]).not.toHaveProperty('endedBy')
  })

  test('in forEach is the same, and the outputs in front of it are not repeated', async () => {
    const written: number[] = []
    const definition = start().to(
      forEach(
        ({ id }) => {
          if (id === 1) throw new Fatal('refused by the bank')
          written.push(id)
        },
        { idempotent: true },
      ),
    )
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a', 'a', 'a', 'b'))
    await stream.drain({ timeout: 5000 })
    expect(written.toSorted()).toEqual([0, 2, 3])
    expect(letters(stream)).toMatchObject([{ attempts: 1, history: [{ endedBy: 'fatal' }] }])
  })

  test('drops its message at most once, as any failure', async () => {
    const definition = fleeting()
      .tap(({ id }) => {
        if (id === 1) throw new Fatal('no')
      })
      .to(memory())
    const stream = await opened(definition, atMostOnce)
    await pushAll(stream, jobs('a', 'a', 'a'))
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ processed: 2, dropped: 1 })
  })

  test('behind a batch, and of an output of several messages, ends the one at fault alone', async () => {
    const sink = memory<number>()
    const definition = start()
      .batch(4, { within: '20ms' })
      .flatMap((batch) => {
        if (batch.some(({ id }) => id === 2)) throw new Fatal('one of them')
        return ids(batch)
      })
      .to(sink)
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a', 'b', 'c', 'd'))
    await stream.drain({ timeout: 5000 })
    expect([...sink.outputs].toSorted()).toEqual([0, 1, 3])
    expect(letters(stream)).toMatchObject([
      { attempts: 2, message: { id: 2 }, history: [{ attempt: 1 }, { endedBy: 'fatal' }] },
    ])
  })

  test('is known in a class of one’s own, and from another copy of the library', async () => {
    class NoAccount extends Fatal {}
    const foreign = Object.assign(new Error('from elsewhere'), {
      [Symbol.for('semel.fatal')]: true,
    })
    const thrown = [new NoAccount('of mine'), foreign]
    const definition = start()
      .tap(({ id }) => {
        throw thrown[id] as Error
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a', 'b'))
    await stream.drain({ timeout: 5000 })
    expect(letters(stream).map(({ attempts }) => attempts)).toEqual([1, 1])
  })
})

describe('retry.when', () => {
  test.each(bothWays)(
    'is asked once for each failure, and false ends the retries: %s',
    async (way) => {
      const asked: unknown[] = []
      const definition = start()
        .retry({
          attempts: 3,
          backoff: fixed(1),
          when: (error, failed) => {
            asked.push([(error as Error).message, failed])
            return failed.attempt < 2 || failed.id !== 1
          },
        })
        .tap(({ id }) =>
          ways[way](() => {
            throw new Error(`no ${id}`)
          }),
        )
        .to(memory())
      const stream = await opened(definition, inline())
      await pushAll(stream, jobs('a', 'a'))
      await stream.drain({ timeout: 5000 })
      expect(asked).toEqual([
        ['no 0', { attempt: 1, id: 0 }],
        ['no 0', { attempt: 2, id: 0 }],
        ['no 1', { attempt: 1, id: 1 }],
        ['no 1', { attempt: 2, id: 1 }],
      ])
      expect(
        letters(stream).map(({ attempts, history }) => [attempts, history.at(-1)?.endedBy]),
      ).toEqual([
        [3, undefined],
        [2, 'when'],
      ])
    },
  )

  test.each<[string, () => unknown, string]>([
    ['throws', () => Reflect.apply(Reflect.get, null, []), 'when threw '],
    ['answers a promise', () => Promise.resolve(false), 'when answered Promise { false }'],
    [
      'answers a promise that rejects',
      () => Promise.reject(new Error('x')),
      'when answered Promise',
    ],
    ['answers nothing', () => undefined, 'when answered undefined'],
    ['answers a number', () => 0, 'when answered 0'],
  ])('that %s is passed by, and the history says so', async (_, answer, said) => {
    const definition = start()
      .retry({ attempts: 2, backoff: fixed(1), when: answer as () => boolean })
      .tap(() => {
        throw new Error('no')
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a'))
    await stream.drain({ timeout: 5000 })
    const [letter] = letters(stream)
    expect(letter?.attempts).toBe(2)
    expect(letter?.history[0]?.when).toContain(`tried again, since ${said}`)
    expect(letter?.history[1]).not.toHaveProperty('when')
  })
})

describe('Unavailable', () => {
  test.each(bothWays)('holds the shard, counts no attempt, and parks nothing: %s', async (way) => {
    const sink = memory<Job>()
    const seen: number[] = []
    const attempts: number[] = []
    let isUp = false
    const definition = start()
      .tap(({ id }, context) =>
        ways[way](() => {
          seen.push(id)
          if (id !== 2) return
          attempts.push(context.attempt)
          if (!isUp) throw new Unavailable('nobody there', { retryAfter: '5ms' })
        }),
      )
      .to(sink)
    const stream = await opened(definition, inline())
    const events: unknown[] = []
    stream.on('unavailable', (event) => events.push(event))
    await pushAll(stream, jobs('a', 'b', 'a', 'c'))
    await until(() => events.length >= 4)
    await pushAll(stream, [{ id: 4, key: 'd' }])
    await until(() => events.length >= 8)
    // Those that ran beside it have ended; nothing begins that came later.
    expect(seen).not.toContain(4)
    expect(stream.counters()).toMatchObject({ parked: 0, deadLettered: 0 })
    expectBalanced(stream.counters())
    expect(events.slice(0, 3)).toEqual(
      [1, 2, 3].map((attempt) => ({
        kind: 'unavailable',
        shard: 0,
        error: 'nobody there',
        attempt,
        retryInMs: 5,
      })),
    )
    isUp = true
    await stream.drain({ timeout: 5000 })
    expect(new Set(attempts)).toEqual(new Set([1]))
    expect(ids(sink.outputs)).toEqual([0, 1, 2, 3, 4])
    expect(stream.counters()).toMatchObject({ processed: 5, deadLettered: 0 })
  })

  test('waits for as long as the service asks, and otherwise with a growing backoff', async () => {
    const at: number[] = []
    const waits: number[] = []
    const definition = start()
      .tap(() => {
        at.push(performance.now())
        if (at.length === 1) throw new Unavailable('down', { retryAfter: '80ms' })
        if (at.length < 5) throw new Unavailable('down')
      })
      .to(memory())
    const stream = await opened(definition, inline())
    stream.on('unavailable', ({ retryInMs }) => waits.push(retryInMs))
    await pushAll(stream, jobs('a'))
    await stream.drain({ timeout: 10_000 })
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThan(75)
    expect(waits).toHaveLength(4)
    expect(waits[0]).toBe(80)
    for (const [n, wait] of waits.slice(1).entries()) {
      expect(wait).toBeLessThanOrEqual(50 * 2 ** (n + 1))
    }
  })

  test('lets what runs beside it end, and other shards go on', async () => {
    const written: number[] = []
    let isUp = false
    const release: (() => void)[] = []
    const definition = start()
      .tap(async ({ key }) => {
        await turn()
        if (key === 'slow') {
          await new Promise<void>((resolve) => {
            release.push(resolve)
          })
        }
        if (key === 'down' && !isUp) throw new Unavailable('down', { retryAfter: '20ms' })
      })
      .to(forEach(({ id }) => void written.push(id), { idempotent: true }))
    const stream = await opened(definition, { ...inline(), shards: 4 })
    const events: { shard: number }[] = []
    stream.on('unavailable', (event) => events.push(event))
    await pushAll(stream, jobs('slow', 'down'))
    await until(() => events.length > 0)
    const others = Array.from({ length: 40 }, (_, id) => ({ id: id + 2, key: `other ${id}` }))
    await pushAll(stream, others)
    release[0]?.()
    await until(() => written.includes(0))
    await until(() => written.length > 20)
    expect(new Set(events.map(({ shard }) => shard)).size).toBe(1)
    isUp = true
    await stream.drain({ timeout: 5000 })
    expect(written.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 42 }, (_, id) => id))
  })

  test('of a parked message’s attempt leaves it the attempts that it had', async () => {
    const attempts: number[] = []
    const definition = start()
      .retry({ attempts: 3, backoff: fixed(1) })
      .tap((_, { attempt }) => {
        attempts.push(attempt)
        if (attempts.length === 2) throw new Unavailable('down', { retryAfter: 1 })
        throw new Error('no')
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a'))
    await stream.drain({ timeout: 5000 })
    expect(attempts).toEqual([1, 2, 2, 3])
    expect(letters(stream)[0]?.history.map(({ error }) => error)).toEqual(
      Array.from({ length: 3 }, () => 'Error: no'),
    )
  })

  test('in forEach is the sink’s failure, and what was written in front of it is not repeated', async () => {
    const written: number[] = []
    let failures = 0
    const definition = start().to(
      forEach(
        async ({ id }) => {
          await turn()
          if (id === 1 && failures++ < 3) throw new Unavailable('down', { retryAfter: '3ms' })
          written.push(id)
        },
        { idempotent: true },
      ),
    )
    const stream = await opened(definition, inline())
    const events: unknown[] = []
    stream.on('sink-failed', (event) => events.push(event))
    await pushAll(stream, jobs('a', 'a', 'b'))
    await stream.drain({ timeout: 5000 })
    expect(written).toEqual([0, 1, 2])
    expect(events).toMatchObject([
      { error: 'down', attempt: 1, retryInMs: 3 },
      { attempt: 2 },
      { attempt: 3 },
    ])
    expect(stream.counters()).toMatchObject({ processed: 3, parked: 0 })
  })

  test('is waited for at most once too', async () => {
    const sink = memory<Job>()
    let failures = 0
    const definition = fleeting()
      .tap(({ id }) => {
        if (id === 1 && failures++ < 3) throw new Unavailable('down', { retryAfter: 1 })
      })
      .to(sink)
    const stream = await opened(definition, atMostOnce)
    await pushAll(stream, jobs('a', 'a', 'a'))
    await stream.drain({ timeout: 5000 })
    expect(ids(sink.outputs)).toEqual([0, 1, 2])
    expect(stream.counters()).toMatchObject({ processed: 3, dropped: 0 })
  })

  test.each([...bothWays, 'batch'] as const)(
    'ends with a close, and its message is there at the next opening: %s',
    async (way) => {
      const dir = scratch()
      let runs = 0
      const down = (): never => {
        runs += 1
        throw new Unavailable('down', { retryAfter: '10ms' })
      }
      const definition =
        way === 'batch'
          ? start()
              .batch(2, { within: '1ms' })
              .map((batch) => (down(), batch))
              .to(memory())
          : start()
              .tap(() => ways[way](down))
              .to(memory())
      const stream = await opened(definition, inline(dir))
      await pushAll(stream, jobs('a', 'b', 'c'))
      await until(() => runs > 2)
      const began = performance.now()
      await stream.close({ timeout: 50 })
      expect(performance.now() - began).toBeLessThan(3000)
      const before = runs
      await pause(60)
      // One may have begun.
      expect(runs).toBeLessThanOrEqual(before + 1)
      expect(stream.counters()).toMatchObject({ stored: 3, inFlight: 3 })
      const sink = memory<Job>()
      const again = await opened(start().to(sink), inline(dir))
      await again.drain({ timeout: 5000 })
      expect(ids(sink.outputs).toSorted()).toEqual([0, 1, 2])
    },
  )

  test('says why a wait is not over', async () => {
    const definition = start()
      .tap(() => {
        throw new Unavailable('the bank is closed')
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a'))
    await expect(stream.drain({ timeout: 200 })).rejects.toThrow(
      /1 still in flight in shard 0, and what its handlers need is unavailable \(attempt \d+: the bank is closed\)/,
    )
  })
})

describe('timeout', () => {
  test('fails an attempt, gives its signal, and ignores what comes later', async () => {
    const sink = memory<Job>()
    const contexts: MessageContext[] = []
    const answers: ((job: Job) => void)[] = []
    let behind = 0
    const definition = start()
      .retry({ attempts: 2, backoff: fixed(1) })
      .timeout('40ms')
      .map((job, context) => {
        if (job.id !== 0) return job
        contexts.push(context)
        expect(context.signal.aborted).toBe(false)
        return new Promise<Job>((resolve) => {
          answers.push(resolve)
        })
      })
      .tap(({ id }) => {
        if (id === 0) behind += 1
      })
      .to(sink)
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a', 'a', 'b'))
    await until(() => answers.length === 2)
    answers[0]?.({ id: 0, key: 'a' })
    await stream.drain({ timeout: 5000 })
    answers[1]?.({ id: 0, key: 'a' })
    await turn()
    expect(behind).toBe(0)
    expect(ids(sink.outputs).toSorted()).toEqual([1, 2])
    expect(letters(stream)).toMatchObject([
      { attempts: 2, history: [{ code: 'SEMEL_TIMEOUT' }, { code: 'SEMEL_TIMEOUT' }] },
    ])
    for (const { signal } of contexts) {
      expect(signal.reason).toMatchObject({
        code: 'SEMEL_TIMEOUT',
        message: expect.stringContaining('not over after 40 ms'),
      })
    }
  })

  test('stops a flatMap between its values, and closes what they come from', async () => {
    let isClosed = false
    const given: number[] = []
    const definition = start()
      .retry({ attempts: 1 })
      .timeout('30ms')
      .flatMap(async function* () {
        try {
          for (let n = 0; ; n++) {
            await pause(10)
            yield n
          }
        } finally {
          isClosed = true
        }
      })
      .tap((n) => void given.push(n))
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a'))
    await stream.drain({ timeout: 5000 })
    await until(() => isClosed)
    expect(given.length).toBeLessThan(5)
    expect(stream.counters()).toMatchObject({ deadLettered: 1 })
  })

  test('drops its message at most once, and counts it', async () => {
    const definition = fleeting()
      .timeout(20)
      .map((job) => (job.id === 1 ? new Promise<Job>(() => {}) : job))
      .to(memory())
    const stream = await opened(definition, atMostOnce)
    await pushAll(stream, jobs('a', 'a', 'a'))
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ processed: 2, dropped: 1 })
  })

  test('is each batch’s, with a signal of the batch’s own', async () => {
    const signals: AbortSignal[] = []
    const definition = start()
      .retry({ attempts: 1 })
      .timeout('30ms')
      .tap((_, { signal }) => void signals.push(signal))
      .batch(2, { within: '1ms' })
      .map((batch, { signal }) => {
        signals.push(signal)
        return new Promise<readonly Job[]>(() => {
          void batch
        })
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a', 'b'))
    await stream.drain({ timeout: 5000 })
    expect(stream.counters()).toMatchObject({ deadLettered: 2 })
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, true])
  })

  test('gives the signal also to who looks at it later', async () => {
    let late: AbortSignal | undefined
    const definition = start()
      .retry({ attempts: 1 })
      .timeout('20ms')
      .map(async (job, context) => {
        await pause(60)
        late = context.signal
        return job
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a'))
    await until(() => late !== undefined)
    expect(late?.aborted).toBe(true)
  })
})

describe('the signal', () => {
  test('is given when a close’s time is over, and not where the message has ended', async () => {
    const signals = new Map<number, AbortSignal>()
    const definition = start()
      .map((job, { signal }) => {
        signals.set(job.id, signal)
        return job.id === 1 ? new Promise<Job>(() => {}) : job
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a', 'b'))
    await until(() => signals.size === 2)
    await stream.close({ timeout: 30 })
    expect([...signals].map(([id, { aborted }]) => [id, aborted])).toEqual([
      [0, false],
      [1, true],
    ])
    expect(signals.get(1)?.reason).toMatchObject({ code: 'SEMEL_CLOSED' })
  })

  test('is a message’s own, the same at each look, and a new one at each attempt', async () => {
    const signals: AbortSignal[] = []
    const definition = start()
      .tap((_, context) => {
        signals.push(context.signal)
        expect(context.signal).toBe(signals.at(-1))
        if (context.attempt === 1) throw new Error('once')
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(stream, jobs('a'))
    await stream.drain({ timeout: 5000 })
    expect(new Set(signals).size).toBe(2)
  })
})

describe('on worker threads', () => {
  test('the signal is given before the thread is ended, and nothing is committed behind it', async () => {
    const dir = scratch()
    const to = join(dir, 'told')
    const options = { ...small, dir: join(dir, 'data'), workers: 1, durability: 'process' } as const
    const stream = await opened<{ id: number }>(
      fixture('signalled.pipeline', { to, how: 'signal' }),
      options,
    )
    await pushAll(stream, [{ id: 0 }, { id: 1 }])
    await until(() => stream.counters().stored === 2 && lines(to).length === 2)
    await stream.close({ timeout: 30 })
    expect(lines(to).slice(2)).toEqual(['SEMEL_CLOSED 0', 'SEMEL_CLOSED 1'])
    expect(stream.counters()).toMatchObject({ processed: 0, inFlight: 2 })
  })

  test('a service that is down is told of, and a close ends the wait for it', async () => {
    const dir = scratch()
    const to = join(dir, 'told')
    const options = { ...small, dir: join(dir, 'data'), workers: 1, durability: 'process' } as const
    const stream = await opened<{ id: number }>(
      fixture('signalled.pipeline', { to, how: 'unavailable' }),
      options,
    )
    const events: unknown[] = []
    stream.on('unavailable', (event) => events.push(event))
    await pushAll(stream, [{ id: 0 }, { id: 1 }])
    await until(() => events.length > 2)
    const begun = performance.now()
    await stream.close({ timeout: 30 })
    expect(performance.now() - begun).toBeLessThan(3000)
    // The first one alone tries, and no attempt of it counts.
    expect(new Set(lines(to))).toEqual(new Set(['begun 0 1']))
    expect(stream.counters()).toMatchObject({ inFlight: 2, parked: 0 })
  })
})

describe('misuse', () => {
  test.each<[() => unknown, string]>([
    [() => new Fatal(1 as never), 'Fatal: 1 is not a message; give a text'],
    [() => new Fatal('x', { casue: 1 } as never), 'Fatal: there is no option "casue"'],
    [() => new Unavailable(undefined as never), 'Unavailable: undefined is not a message'],
    [
      () => new Unavailable('x', { retryAfter: NaN }),
      'Unavailable.retryAfter: NaN is not a duration',
    ],
    [
      () => new Unavailable('x', { retryAfter: '2d' }),
      "Unavailable.retryAfter: \"2d\" is out of bounds; give a duration from '1ms' to '1d'",
    ],
    [() => start().timeout(0), "timeout: 0 is out of bounds; give a duration from '1ms' to '24h'"],
    [() => start().timeout('25h'), 'timeout: "25h" is out of bounds'],
    [() => start().timeout('soon'), 'timeout: "soon" is not a duration'],
    [() => start().retry({ when: true as never }), 'retry.when: true is not a function; give'],
  ])('is refused in words: %#', (call, message) => {
    expect(call).toThrow(
      expect.objectContaining({
        code: 'SEMEL_INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      }) as unknown as Error,
    )
  })
})
