import type { ReplayableContext, ReplayableSource } from 'semel'
import { memoryPartitions } from 'semel/testing'
import { describe, expect, it } from 'vitest'
import { scratch, until } from '../runtime/verbs.js'
import { all, Gate, idOf, opened, pipelineOf, rowAt, rows, type Row } from './replayable.js'

describe('a replayable source that goes on from a place', () => {
  it.each([
    ['at-most-once', 2n ** 53n - 5n],
    ['at-least-once', 2n ** 48n - 5n],
    ['by position', 2n ** 53n - 5n],
    ['by position', 2n ** 128n - 300n],
  ] as const)('has offsets of up to 16 bytes, %s, from %i on', async (delivery, first) => {
    const dir = scratch()
    const took: string[] = []
    const group = memoryPartitions<Row>({ safe: false, offset: (at) => first + BigInt(at) })
    group.put('a', ...rows('a', 50))
    group.end()
    const definition = pipelineOf(delivery, (row) => took.push(idOf(row)))
    for (const limit of [20, 50, 50]) {
      const stream = await opened(definition, dir, {
        durability: delivery === 'at-most-once' ? 'memory' : 'process',
      })
      const abort = new AbortController()
      await stream.consume(group.member(), {
        signal: abort.signal,
        onProgress: ({ rows: read }) => read + took.length >= limit && abort.abort(),
      })
      await stream.drain()
      await stream.close()
    }
    expect(took.toSorted()).toEqual(all(50, 'a'))
  })

  it('goes on where the last opening has ended, and asks for nothing twice', async () => {
    const dir = scratch()
    const took: string[] = []
    // Nobody is told what is safe: the directory knows.
    const group = memoryPartitions<Row>({ safe: false })
    group.put('a', ...rows('a', 50))
    group.end()
    const definition = pipelineOf('exactly-once', (row) => took.push(idOf(row)))
    for (let life = 0; life < 2; life++) {
      const stream = await opened(definition, dir)
      await stream.consume(group.member())
      await stream.drain()
      await stream.close()
    }
    expect(took.toSorted()).toEqual(all(50, 'a'))
    expect(group.given).toBe(50)
  })

  it.each([true, false])(
    'goes on before what was given up, when it is opened again: a journal %s',
    async (journal) => {
      const dir = scratch()
      const took: string[] = []
      const all20 = rows('a', 20).map((message) => ({ message, offset: message.id + 1 }))
      let isHeld = true
      const source: ReplayableSource<Row> = {
        name: 'lost',
        kind: 'replayable',
        connect: ({ assigned, revoked }) => ({
          async *read() {
            const [from] = await assigned([{ partition: 'a' }])
            yield { partition: 'a', rows: all20.slice(Number(from?.offset)), offset: 20 }
            if (!isHeld) return
            // Shards are told by then how far it is.
            await new Promise((resolve) => setTimeout(resolve, 300))
            await revoked(['a'], { lost: true })
          },
          close() {},
        }),
      }
      const definition = pipelineOf('by position', (row) => took.push(idOf(row)), {
        handle: ({ id }) => (isHeld && id > 5 ? new Promise(() => {}) : undefined),
      })
      for (let opening = 0; opening < 2; opening++) {
        const stream = await opened(definition, dir, { shards: 2, journal })
        await stream.consume(source)
        await stream.drain()
        await stream.close()
        isHeld = false
      }
      expect(took.toSorted()).toEqual(all(20, 'a'))
    },
  )

  it('is told safe when all before is committed, and not when it is stored', async () => {
    const gate = new Gate()
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 10))
    const stream = await opened(
      pipelineOf('at-least-once', ({ id }) => (id === 4 ? gate.opened : undefined)),
      scratch(),
    )
    const abort = new AbortController()
    const read = stream.consume(group.member(), { signal: abort.signal })
    await until(() => group.given === 10)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(group.safe.get('a')).toBeLessThan(5)
    gate.open()
    await until(() => group.safe.get('a') === 10)
    abort.abort()
    await read
    await stream.close()
  })

  it('is told safe of parked messages, and of dead letters', async () => {
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 10))
    group.end()
    let isDown = true
    const stream = await opened(
      pipelineOf(
        'exactly-once',
        ({ id }) => {
          if (isDown && id < 5) throw new Error('not yet')
        },
        { attempts: 1000 },
      ),
      scratch(),
    )
    await stream.consume(group.member())
    expect(group.safe.get('a')).toBe(10)
    isDown = false
    await stream.drain()
    expect(stream.counters()).toMatchObject({ processed: 10, parked: 0 })
    await stream.close()
  })

  it('is told from which place to read on: the larger of what is stored here and elsewhere', async () => {
    const dir = scratch()
    const places: unknown[] = []
    const at = (offset: number | undefined, rowsOf: readonly object[]): ReplayableSource<Row> =>
      ({
        name: 'placed',
        kind: 'replayable',
        connect: (context: ReplayableContext) => ({
          async *read() {
            const asked = { partition: 'a', ...(offset !== undefined && { offset }) }
            places.push(...(await context.assigned([asked])))
            if (rowsOf.length > 0) yield { partition: 'a', rows: rowsOf, offset: 12 }
          },
          close() {},
        }),
      }) as never
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      dir,
    )
    await stream.consume(at(10, [rowAt(12)]))
    await stream.consume(at(5, []))
    await stream.consume(at(undefined, []))
    await stream.drain()
    await stream.consume(at(20, []))
    await stream.close()
    expect(places).toEqual([10, 12, 12, 20].map((offset) => ({ partition: 'a', offset })))
  })

  it('has a partition of the same name and another identity read from its start', async () => {
    const dir = scratch()
    const places: unknown[] = []
    const known = (identity: object | undefined): ReplayableSource<Row> =>
      ({
        name: 'known',
        kind: 'replayable',
        connect: (context: ReplayableContext) => ({
          async *read() {
            const [from] = await context.assigned([
              { partition: 'a', ...(identity !== undefined && { identity }) },
            ])
            places.push(from?.offset)
            const offset = Number(from?.offset) + 5
            yield { partition: 'a', rows: [rowAt(offset)], offset }
          },
          close() {},
        }),
      }) as never
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      dir,
    )
    for (const identity of [undefined, { topic: 1 }, { topic: 2 }, { topic: 1 }, { topic: 2 }]) {
      await stream.consume(known(identity))
    }
    await stream.close()
    expect(places).toEqual([0, 5, 0, 10, 5])
  })

  it('whose place is gone ends its reading, and skips nothing', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const group = memoryPartitions<Row>()
    group.put('a', ...rows('a', 5))
    group.trim('a', 3)
    await expect(stream.consume(group.member())).rejects.toMatchObject({
      code: 'SEMEL_SOURCE_GONE',
    })
    expect(stream.counters().stored).toBe(0)
    await stream.close()
  })
})
