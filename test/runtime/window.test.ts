import { once } from 'node:events'
import { memory, pipeline } from 'semel'
import { describe, expect, test } from 'vitest'
import { opened, pushAll, scratch, small } from './verbs.js'

interface Reading {
  id: number
  at?: number
}

const readings = (count: number): Reading[] =>
  Array.from({ length: count }, (_, index) => ({ id: index + 1 }))

const bounded = (whenFull: 'wait' | 'shorten-window') =>
  pipeline('bounded')
    .accepts<Reading>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h', maxIds: 2000, whenFull })
    .map(({ id }) => id)
    .to(memory<number>())

describe('the window', () => {
  test('a message that is older than it is late, and its effect does not happen', async () => {
    const sink = memory<number>()
    const definition = pipeline('late')
      .accepts<Reading>()
      .deliver('exactly-once', { id: ({ id }) => id, window: '1m', time: ({ at }) => at ?? 0 })
      .map(({ id }) => id)
      .to(sink)
    const stream = await opened(definition, { ...small, dir: scratch(), workers: 0 })
    await pushAll(stream, [
      { id: 1, at: Date.now() },
      { id: 2, at: Date.now() - 120_000 },
    ])
    await stream.drain()
    expect(sink.outputs).toEqual([1])
    expect(stream.counters()).toMatchObject({ processed: 1, late: 1 })
  })

  test('a shard whose ids are used up takes no more, and says so', async () => {
    const stream = await opened(bounded('wait'), { ...small, dir: scratch(), workers: 0 })
    const stalled = once(stream, 'stalled')
    await pushAll(stream, readings(2500))
    expect(await stalled).toEqual([{ kind: 'stalled', shard: 0, reason: 'ids' }])
    const { processed, inFlight } = stream.counters()
    expect(processed).toBeLessThanOrEqual(2000)
    expect(processed + inFlight).toBe(2500)
    expect(stream.shardCounters()[0]?.windowMs).toBe(3_600_000)
    await stream.close({ timeout: 100 })
  })

  test('or shortens the window, where it may, and reports the shorter one', async () => {
    const stream = await opened(bounded('shorten-window'), {
      ...small,
      dir: scratch(),
      workers: 0,
    })
    await pushAll(stream, readings(20_000))
    await stream.drain()
    expect(stream.counters().processed).toBe(20_000)
    const shard = stream.shardCounters()[0]
    expect(shard?.ids).toBeLessThanOrEqual(2000)
    expect(shard?.windowMs).toBeLessThan(3_600_000)
  })
})

describe('shapes of objects', () => {
  test('are the same after a reopen, whatever order new ones come in', async () => {
    const dir = scratch()
    const sink = memory<unknown>()
    const definition = pipeline('shapes')
      .accepts<object>()
      .deliver('at-least-once')
      .map(async (value) => value)
      .to(sink)
    const one = { a: 1, b: 'x' }
    const two = { b: 'y', a: 2, c: true }
    const first = await opened(definition, { ...small, dir, workers: 0 })
    await pushAll(first, [one, two])
    await first.drain()
    await first.close()
    const second = await opened(definition, { ...small, dir, workers: 0 })
    await pushAll(second, [{ z: 1, y: 2 }, two, one])
    await second.drain()
    expect(sink.outputs).toEqual([one, two, { z: 1, y: 2 }, two, one])
  })

  test('that were stored before a crash are read after it, also where a new one comes first', async () => {
    const dir = scratch()
    let isStuck = true
    const seen: unknown[] = []
    const definition = pipeline('stuck')
      .accepts<object>()
      .deliver('at-least-once')
      .map(async (value) => {
        if (isStuck) await new Promise(() => {})
        seen.push(value)
        return value
      })
      .to(memory())
    const first = await opened(definition, { ...small, dir, workers: 0 })
    await first.send({ old: 1, kind: 'stored' })
    await first.close({ timeout: 50 })
    isStuck = false
    const second = await opened(definition, { ...small, dir, workers: 0 })
    await pushAll(second, [{ brand: 'new', shape: 2 }])
    await second.drain()
    expect(seen).toEqual([
      { old: 1, kind: 'stored' },
      { brand: 'new', shape: 2 },
    ])
  })
})
