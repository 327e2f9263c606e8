import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fixed, memory, pipeline, type LimitOptions, type Rate } from 'semel'
import { describe, expect, test } from 'vitest'
import { keysMax, Limiter, limitMemory } from '../../src/runtime/operators/limiter.js'
import { limitOf } from '../../src/reliability/limit.js'
import { expectBalanced, fixture, opened, pushAll, scratch, small, until } from './verbs.js'

interface Job {
  readonly id: number
  readonly key: string
}

const inline = (dir = scratch()) => ({ ...small, dir, workers: 0, durability: 'process' }) as const
const start = () =>
  pipeline('jobs')
    .accepts<Job>()
    .deliver('at-least-once', { id: ({ id }) => id, window: '1h' })
    .keyBy(({ key }) => key)
    .retry({ attempts: 2, backoff: fixed(0) })

const jobs = (count: number, key: (id: number) => string): Job[] =>
  Array.from({ length: count }, (_, id) => ({ id, key: key(id) }))
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

const countEarly = (of: Limiter, keys: number): number => {
  let count = 0
  for (let key = 0; key < keys; key++) if (of.earlyMs(key) > 0) count += 1
  return count
}

const limit = (rate: unknown, options?: unknown) => () =>
  start().limit(rate as Rate, options as LimitOptions)

describe('a limit of the whole stream', () => {
  test.each(['sync', 'async'] as const)(
    'spaces attempts evenly over all shards: %s',
    async (how) => {
      const at: number[] = []
      const sink = memory<Job>()
      const definition = start()
        .limit('200/s')
        .tap(() => {
          at.push(performance.now())
          return how === 'async' ? turn() : undefined
        })
        .to(sink)
      const stream = await opened(definition, { ...inline(), shards: 2 })
      await pushAll(
        stream,
        jobs(41, (id) => `${id % 7}`),
      )
      await stream.drain({ timeout: 10_000 })
      // 40 intervals of 5 ms, whenever each of them was seen.
      expect((at.at(-1) as number) - (at[0] as number)).toBeGreaterThan(190)
      expect(stream.counters()).toMatchObject({ processed: 41, parked: 0 })
    },
  )

  test('lets a burst go at once after a rest, and counts retries', async () => {
    const at: number[] = []
    const definition = start()
      .limit('100/s', { burst: 10 })
      .tap(({ id }, { attempt }) => {
        at.push(performance.now())
        if (id >= 8 && attempt === 1) throw new Error('once')
      })
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(
      stream,
      jobs(12, (id) => `${id}`),
    )
    await stream.drain({ timeout: 10_000 })
    // Sixteen attempts: ten at once, and six intervals of 10 ms.
    expect(at).toHaveLength(16)
    const tookMs = (at.at(-1) as number) - (at[0] as number)
    expect(tookMs).toBeGreaterThan(50)
    expect((at[9] as number) - (at[0] as number)).toBeLessThan(tookMs)
  })

  test('begins with a full bucket, and has one again behind a rest', async () => {
    const limiter = new Limiter([limitOf('20/s', { burst: 3 })], limitMemory())
    const burst = (): unknown[] => [1, 2, 3, 4].map(() => limiter.turn())
    const first = burst()
    expect(first.slice(0, 3)).toEqual([undefined, undefined, undefined])
    await first[3]
    await new Promise((resolve) => setTimeout(resolve, 200))
    const second = burst()
    expect(second.slice(0, 3)).toEqual([undefined, undefined, undefined])
    expect(second[3]).toBeInstanceOf(Promise)
    limiter.stop()
  })

  test('holds for all workers together', async () => {
    const dir = scratch()
    const to = join(dir, 'at')
    const url = fixture('limited.pipeline', { to })
    const stream = await opened<Job>(url, {
      ...small,
      dir: join(dir, 'data'),
      workers: 2,
      shards: 4,
      durability: 'process',
    })
    await pushAll(
      stream,
      jobs(61, (id) => `${id}`),
    )
    await stream.drain({ timeout: 20_000 })
    const at = (existsSync(to) ? readFileSync(to, 'utf8') : '').split('\n').slice(0, -1).map(Number)
    expect(at).toHaveLength(61)
    // 60 intervals of 5 ms; each worker alone would take half of that.
    expect(Math.max(...at) - Math.min(...at)).toBeGreaterThan(285)
  })

  test('leaves what waits to the next opening where a close does not wait for it', async () => {
    const dir = scratch()
    let runs = 0
    const sink = memory<Job>()
    const definition = start()
      .limit('5/s')
      .tap(() => void (runs += 1))
      .to(sink)
    const stream = await opened(definition, inline(dir))
    await pushAll(
      stream,
      jobs(20, (id) => `${id % 3}`),
    )
    await until(() => runs > 1)
    const begun = performance.now()
    await stream.close({ timeout: 20 })
    expect(performance.now() - begun).toBeLessThan(3000)
    const before = runs
    expect(before).toBeLessThan(10)
    const again = await opened(start().to(sink), inline(dir))
    await again.drain({ timeout: 5000 })
    expect(sink.outputs.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, id) => id))
    expect(runs).toBe(before)
  })
})

describe('a limit by key', () => {
  test('parks what is too early, in order, while other keys go on, and costs no attempt', async () => {
    const sink = memory<Job>()
    const attempts = new Set<number>()
    const hot: number[] = []
    const definition = start()
      .limit('20/s', { by: 'key' })
      .tap(async ({ key }, { attempt }) => {
        attempts.add(attempt)
        if (key === 'hot') hot.push(performance.now())
        await turn()
      })
      .to(sink)
    const stream = await opened(definition, inline())
    // One of five is of the one key.
    await pushAll(
      stream,
      jobs(50, (id) => (id % 5 === 0 ? 'hot' : `${id}`)),
    )
    await until(() => sink.outputs.filter(({ key }) => key !== 'hot').length === 40)
    expect(hot.length).toBeLessThan(9)
    expectBalanced(stream.counters())
    expect(stream.counters().parked).toBeGreaterThan(0)
    await stream.drain({ timeout: 10_000 })
    const ids = sink.outputs.filter(({ key }) => key === 'hot').map(({ id }) => id)
    expect(ids).toEqual(Array.from({ length: 10 }, (_, n) => n * 5))
    // Nine intervals of 50 ms, each perhaps 2 ms early.
    expect((hot.at(-1) as number) - (hot[0] as number)).toBeGreaterThan(430)
    expect(attempts).toEqual(new Set([1]))
    expect(stream.counters()).toMatchObject({ processed: 50, deadLettered: 0, parked: 0 })
  })

  test('keeps the room for its keys bounded, and forgets those that have rested', () => {
    const limiter = new Limiter([limitOf('1/h', { by: 'key' })], limitMemory())
    expect(countEarly(limiter, keysMax)).toBe(0)
    expect(limiter.earlyMs('another')).toBeGreaterThan(0)
    expect(limiter.earlyMs(0)).toBeGreaterThan(3_500_000)
    const quick = new Limiter([limitOf('1000000/s', { by: 'key' })], limitMemory())
    expect(countEarly(quick, 2 * keysMax)).toBe(0)
    expect(quick.keys).toBeLessThanOrEqual(keysMax)
  })

  test('and one of the stream hold both', async () => {
    const at: number[] = []
    const definition = start()
      .limit('100/s')
      .limit('1000/s', { by: 'key' })
      .tap(() => void at.push(performance.now()))
      .to(memory())
    const stream = await opened(definition, inline())
    await pushAll(
      stream,
      jobs(21, (id) => `${id % 2}`),
    )
    await stream.drain({ timeout: 10_000 })
    expect((at.at(-1) as number) - (at[0] as number)).toBeGreaterThan(190)
    expect(stream.counters()).toMatchObject({ processed: 21 })
  })
})

describe('misuse', () => {
  test.each<[() => unknown, string]>([
    [
      limit('fast'),
      "limit: \"fast\" is not a rate; give a text such as '100/s', '5/m' or '1000/h'",
    ],
    [limit(100), 'limit: 100 is not a rate'],
    [limit('0/s'), 'limit: "0/s" is not a rate'],
    [limit('2000000/s'), 'limit: "2000000/s" is out of bounds; give at most a million in a second'],
    [limit('1/s', { by: 'id' }), 'limit.by: "id" is unknown; give \'key\', or leave it out'],
    [limit('1/s', { burst: 0 }), 'limit.burst: 0 is out of bounds'],
    [limit('1/s', { per: 'key' }), 'limit: there is no option "per"; there are by, burst'],
    [
      () =>
        pipeline('x').accepts().deliver('at-least-once').limit('1/s', { by: 'key' }).to(memory()),
      "pipeline x: limit('…', { by: 'key' }) needs keys: add keyBy, or id and window",
    ],
    [
      () =>
        pipeline('x')
          .accepts<Job>()
          .deliver('at-most-once')
          .keyBy(({ key }) => key)
          .limit('1/s', { by: 'key' })
          .to(memory()),
      'at-most-once keeps nothing: use another delivery, or a limit of the whole stream',
    ],
  ])('is refused in words: %#', (call, message) => {
    expect(call).toThrow(
      expect.objectContaining({
        code: 'SEMEL_INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      }) as unknown as Error,
    )
  })
})
