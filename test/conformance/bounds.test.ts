import { freemem } from 'node:os'
import {
  fileSource,
  fixed,
  forEach,
  memorySource,
  open,
  pipeline,
  type Definition,
  type OpenOptions,
} from 'semel'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deliverBounds } from '../../src/pipeline/deliver.js'
import { openBounds } from '../../src/runtime/settings/options.js'
import { fixture, opened, outputs, scratch, small } from '../runtime/verbs.js'
import { describeBound, type BoundUnderTest } from './bounds.js'
import { orders, type Order } from '../fixtures/orders.js'

const [least, greatest] = [0, 1] as const
const day = 86_400_000

/** By option: how a value of it is given; of more than one way the first. */
const ways: Readonly<Record<string, (value: number) => Omit<BoundUnderTest, 'name'>>> = {
  awaitedMax: (awaitedMax) => ({ open: { awaitedMax } }),
  parkedMax: (parkedMax) => ({ open: { parkedMax } }),
  inFlightMax: (inFlightMax) => ({ open: { inFlightMax } }),
  groupPauseUs: (groupPauseUs) => ({ open: { groupPauseUs } }),
  'durability.interval': (interval) => ({ open: { durability: { interval } } }),
  'acknowledge.batched': (batched) => ({ open: { acknowledge: { batched, within: 5 } } }),
  'acknowledge.within': (within) => ({ open: { acknowledge: { batched: 7, within } } }),
}

describe('at its least and at its greatest', () => {
  for (const [option, way] of Object.entries(ways)) {
    const [min, max] = openBounds[option as keyof typeof openBounds]
    describeBound({ name: `${option} of ${min}`, ...way(min) })
    describeBound({ name: `${option} of ${max}`, ...way(max) })
  }
  const memory = { durability: 'memory', ring: '64KiB' } as const
  describeBound({ name: 'one shard', open: { shards: openBounds.shards[least] } })
  describeBound({
    name: '256 shards',
    delivery: 'at-most-once',
    open: { ...memory, shards: openBounds.shards[greatest] },
  })
  describeBound({
    name: 'the smallest ring and segment',
    open: { ring: 65_536, segment: 1_048_576 },
  })
  describe.skipIf(freemem() < 4 * 1024 ** 3)('with 4 GiB of memory free', () => {
    describeBound({
      name: 'the largest ring',
      delivery: 'at-most-once',
      open: { durability: 'memory', ring: openBounds.ring[greatest], segment: '1GiB' },
    })
  })

  // As many ids as are known at a time are in flight: with a window they would have to age out.
  for (const maxIds of [deliverBounds.maxIds[least], 2, 100, 511, deliverBounds.maxIds[greatest]]) {
    describeBound({
      name: `maxIds of ${maxIds} over a shortened window`,
      dedup: { maxIds, whenFull: 'shorten-window' },
    })
    describeBound({
      name: `maxIds of ${maxIds} over a window of 1 ms`,
      dedup: { maxIds, window: 1 },
    })
  }
  describeBound({
    name: 'a window of 3650 days',
    dedup: { window: deliverBounds.window[greatest] },
  })

  describeBound({ name: 'one attempt', attempts: 1 })
  describeBound({ name: '1000 attempts', attempts: 1000 })
  describeBound({ name: 'concurrency of 1', concurrency: 1 })
  describeBound({ name: 'concurrency of 65,536', concurrency: 65_536 })
  describeBound({ name: 'batches of 1', batch: { size: 1, within: 1 } })
  describeBound({ name: 'batches of 65,536', batch: { size: 65_536, within: 3 } })
  describeBound({ name: 'batches for an hour', batch: { size: 7, within: 3_600_000 } })
  // Everything at once that makes others wait.
  describeBound({
    name: 'the least of all',
    open: { awaitedMax: 1, parkedMax: 1, inFlightMax: 16, groupPauseUs: 0, acknowledge: 'batched' },
    dedup: { maxIds: 1, window: 1 },
    concurrency: 1,
    batch: { size: 3, within: 1 },
  })
})

describe('workers', () => {
  test.each<[string, OpenOptions]>([
    ['256 of them', { workers: openBounds.workers[greatest], shards: 3 }],
    ['a heartbeat of 100 ms', { workers: 1, heartbeat: openBounds.heartbeat[least] }],
    ['a heartbeat of a day', { workers: 1, heartbeat: openBounds.heartbeat[greatest] }],
    ['none', { workers: 1, heartbeat: 0 }],
    ['32 MiB of memory', { workers: 1, workerMemory: openBounds.workerMemory[least] }],
    ['1 TiB of memory', { workers: 1, workerMemory: openBounds.workerMemory[greatest] }],
  ])('do their work with %s', async (_, options) => {
    const dir = scratch()
    const to = join(dir, 'out.ndjson')
    const stream = await opened<Order>(
      fixture('orders.pipeline', { to, delivery: 'at-least-once', how: 'async' }),
      { ...small, durability: 'process', dir: join(dir, 'data'), ...options },
    )
    await stream.consume(memorySource(orders(0, 200)))
    await stream.drain({ timeout: 20_000 })
    await stream.close()
    const written = outputs<Order>(to, options.shards ?? 1)
    expect(written.toSorted((a, b) => a.id - b.id)).toEqual(orders(0, 200))
  })
})

describe('a source', () => {
  const seen: unknown[] = []
  const definition = (): Definition<unknown> => {
    seen.length = 0
    return pipeline('read')
      .accepts<unknown>()
      .deliver('at-most-once')
      .map((row) => row)
      .to(forEach((row) => void seen.push(row)))
  }

  test.each([1, 1024])('of rows is read in batches of %d', async (batch) => {
    const stream = await opened(definition(), { workers: 0 })
    await stream.consume(memorySource(orders(0, 2000), { batch }))
    await stream.drain()
    expect(seen).toEqual(orders(0, 2000))
  })

  test.each([
    [1, 1024],
    [1024, 256 * 1024 * 1024],
  ])('of lines is read in batches of %d, lines of up to %d bytes', async (batch, maxLineBytes) => {
    const path = join(scratch(), 'in.txt')
    const lines = Array.from({ length: 300 }, (_, n) => `${n} `.padEnd(1 + ((n * 37) % 1023), 'x'))
    writeFileSync(path, `${lines.join('\n')}\n`)
    const stream = await opened(definition(), { workers: 0 })
    await stream.consume(fileSource(path, { batch, maxLineBytes }))
    await stream.drain()
    expect(seen).toEqual(lines)
  })
})

/** One below, and one above. */
const beyond = ([min, max]: readonly [number, number], step = 1): number[] => [
  min - step,
  max + step,
]

describe('is refused beyond', () => {
  const usual = pipeline('p').accepts<{ id: number }>()
  const definition = usual.deliver('at-most-once').to(forEach(() => {}))
  const given: Readonly<Record<keyof typeof openBounds, (value: number) => OpenOptions>> = {
    shards: (shards) => ({ shards }),
    workers: (workers) => ({ workers }),
    awaitedMax: (awaitedMax) => ({ awaitedMax }),
    ring: (ring) => ({ ring, segment: '1GiB' }),
    segment: (segment) => ({ ring: '64KiB', segment }),
    parkedMax: (parkedMax) => ({ parkedMax }),
    inFlightMax: (inFlightMax) => ({ inFlightMax }),
    groupPauseUs: (groupPauseUs) => ({ groupPauseUs }),
    heartbeat: (heartbeat) => ({ heartbeat }),
    workerMemory: (workerMemory) => ({ workerMemory }),
    'durability.interval': (interval) => ({
      delivery: 'at-least-once',
      dir: 'never-made',
      durability: { interval },
    }),
    'acknowledge.batched': (batched) => ({ acknowledge: { batched } }),
    'acknowledge.within': (within) => ({ acknowledge: { batched: 10, within } }),
  }

  test.each(Object.keys(given) as (keyof typeof openBounds)[])('%s', async (option) => {
    for (const value of beyond(openBounds[option])) {
      await expect(open(definition as never, given[option](value))).rejects.toMatchObject({
        code: 'SEMEL_INVALID_ARGUMENT',
        message: expect.stringMatching(
          /^[a-z]+[A-Za-z.]*: .*(?:out of bounds|is unknown|not a size)/,
        ),
      })
    }
  })

  const refused = expect.objectContaining({ code: 'SEMEL_INVALID_ARGUMENT' })

  test.each<[string, readonly [number, number], (value: number) => unknown]>([
    ['maxIds', deliverBounds.maxIds, (maxIds) => ({ maxIds })],
    ['window', deliverBounds.window, (window) => ({ window })],
  ])('%s', (_, bounds, more) => {
    for (const value of beyond(bounds)) {
      expect(() =>
        usual.deliver('exactly-once', {
          id: (m) => m.id,
          window: 1000,
          ...(more(value) as object),
        }),
      ).toThrow(refused)
    }
  })

  test.each<[string, readonly [number, number], (value: number) => unknown]>([
    ['attempts', [1, 1000], (attempts) => usual.retry({ attempts })],
    ['a wait', [0, day], (ms) => fixed(ms)],
    ['concurrency', [1, 65_536], (n) => usual.concurrency(n)],
    ['a batch', [1, 65_536], (n) => usual.batch(n, { within: 1 })],
    ['the time of a batch', [1, 3_600_000], (ms) => usual.batch(1, { within: ms })],
    ['a batch of rows', [1, 1024], (batch) => memorySource([], { batch })],
    ['a batch of lines', [1, 1024], (batch) => fileSource('x.txt', { batch })],
    ['a line', [1024, 2 ** 28], (maxLineBytes) => fileSource('x.txt', { maxLineBytes })],
  ])('%s', (_, bounds, give) => {
    for (const value of beyond(bounds)) expect(() => give(value)).toThrow(refused)
    for (const value of bounds) expect(() => give(value)).not.toThrow()
  })

  test('what a timer can hold, and a thousand times that', async () => {
    const stream = await opened(definition, { workers: 0 })
    for (const timeout of [2 ** 31, 2000 * 2 ** 31, Infinity, Number.NaN, -1]) {
      const words = { code: 'SEMEL_INVALID_ARGUMENT', message: expect.stringContaining('timeout') }
      const ends = [
        () => stream.send({ id: 1 }, { timeout }),
        () => stream.drain({ timeout }),
        () => stream.close({ timeout }),
      ]
      for (const end of ends) await expect((async () => end())()).rejects.toMatchObject(words)
    }
    await expect(stream.send({ id: 1 }, { timeout: 2 ** 31 - 1 })).resolves.toBeDefined()
  })
})
