import { fixed, iterableSource, memory, open, pipeline, type Stream } from 'semel'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fixture, scratch, small } from './verbs.js'

/** All that vitest can fake: jest does so unasked. */
const everything = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
  'performance',
  'hrtime',
  'Date',
] as const

describe('with a clock that stands still', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: [...everything] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test.each(['process', 'disk', { interval: 20 }] as const)(
    'a stream runs from its opening to its close (%j)',
    async (durability) => {
      const sink = memory<{ id: number; by: number }>()
      const failed = new Set<number>()
      const definition = pipeline('still')
        .accepts<{ id: number }>()
        .deliver('at-least-once')
        .retry({ attempts: 3, backoff: fixed('5ms') })
        .map(async ({ id }) => {
          if (id % 2 === 0 && !failed.has(id)) {
            failed.add(id)
            throw new Error('once')
          }
          return { id, by: 1 }
        })
        .batch(4, { within: '5ms' })
        .flatMap((all) => all)
        .to(sink)
      const stream: Stream<{ id: number }> = await open(definition as never, {
        ...small,
        dir: scratch(),
        workers: 0,
        durability,
      })
      await stream.send({ id: 1 })
      stream.push({ id: 2 })
      await stream.ready()
      await stream.flush({ timeout: 5000 })
      await stream.sendMany([{ id: 3 }, { id: 4 }], { acknowledge: 'processed', timeout: 5000 })
      await stream.consume(iterableSource([{ id: 5 }, { id: 6 }]))
      for await (const { status } of stream.outcomes([{ id: 7 }]))
        expect(status).toBe('acknowledged')
      await stream.drain({ timeout: 5000 })
      expect(sink.outputs.map(({ id }) => id).toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7])
      await stream.close()
    },
  )

  test('a timeout is one of the real clock', async () => {
    const definition = pipeline('hangs')
      .accepts()
      .deliver('at-most-once')
      .map(() => new Promise(() => {}))
      .to(memory())
    const stream = await open(definition as never, { ...small, workers: 0 })
    stream.push({} as never)
    await expect(stream.drain({ timeout: 50 })).rejects.toMatchObject({ code: 'SEMEL_TIMEOUT' })
    await expect(
      stream.send({} as never, { acknowledge: 'processed', timeout: 50 }),
    ).rejects.toMatchObject({
      code: 'SEMEL_ACK_TIMEOUT',
    })
    await stream.close({ timeout: 50 })
  })

  test('worker threads are started and ended', async () => {
    const told = { to: `${scratch()}/out.ndjson`, delivery: 'at-least-once', how: 'sync' }
    const stream = await open(fixture('orders.pipeline', told), {
      ...small,
      dir: scratch(),
      workers: 1,
    })
    await stream.drain({ timeout: 5000 })
    await stream.close()
  })
})
