import type { AcknowledgedSource } from 'semel'
import { readDeadLetters } from 'semel/directory'
import { memoryQueue } from 'semel/testing'
import { describe, expect, it } from 'vitest'
import { scratch } from '../runtime/verbs.js'
import { durabilities, opened, pipelineOf, type Order } from './acknowledged.js'

describe('an acknowledged source that is odd', () => {
  it('that hands out what can not be read, or is refused at the door, makes dead letters', async () => {
    const dir = scratch()
    const stream = await opened(
      pipelineOf('exactly-once', () => {}),
      dir,
    )
    const queue = memoryQueue<unknown>()
    queue.put({ id: 1 })
    queue.putMalformed('torn')
    queue.put({ id: () => 2 }, { id: '' }, { id: 3 })
    queue.end()
    expect(await stream.consume(queue.source as AcknowledgedSource<Order>)).toEqual({
      rows: 5,
      malformed: 3,
    })
    await stream.drain()
    await stream.close()
    expect(queue.waiting + queue.underWay).toBe(0)
    const letters = []
    for await (const letter of readDeadLetters(dir)) letters.push(letter)
    expect(letters).toHaveLength(3)
  })

  it('hands out a message that throws when it is read: a dead letter, and the next one', async () => {
    const dir = scratch()
    const took: number[] = []
    const stream = await opened(
      pipelineOf('exactly-once', (id) => took.push(id)),
      dir,
    )
    const safe: unknown[] = []
    const poison = {
      get message(): Order {
        throw new Error('bad')
      },
      token: 1,
    }
    const read = await stream.consume({
      name: 'poisoned',
      kind: 'acknowledged',
      connect: () => ({
        async *read() {
          yield [poison, { message: { id: 2 }, token: 2 }]
        },
        safe: (tokens) => void safe.push(...tokens),
        close() {},
      }),
    })
    expect(read).toEqual({ rows: 2, malformed: 1 })
    await stream.drain()
    expect([took, safe.toSorted()]).toEqual([[2], [1, 2]])
    await stream.close()
  })

  it.each([
    ['connect', 'at-least-once'],
    ['read', 'at-least-once'],
    ['safe', 'at-least-once'],
    ['safe', 'at-most-once'],
    ['close', 'at-least-once'],
  ] as const)('whose %s never answers is left at the signal, %s', async (hangs, delivery) => {
    const never = new Promise<never>(() => {})
    const stream = await opened(
      pipelineOf(delivery, () => {}),
      scratch(),
      durabilities(delivery),
    )
    const source: AcknowledgedSource<Order> = {
      name: 'hanging',
      kind: 'acknowledged',
      connect: () =>
        hangs === 'connect'
          ? never
          : {
              async *read() {
                if (hangs !== 'read') yield [{ message: { id: 1 }, token: 1 }]
                await never
              },
              safe: () => (hangs === 'safe' ? never : undefined),
              close: () => (hangs === 'close' ? never : undefined),
            },
    }
    const abort = new AbortController()
    const read = stream.consume(source, { signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 50))
    abort.abort()
    await read
    await stream.close()
  })

  it.each([
    [{ kind: 'acknowledged', name: 'x' }, /is no acknowledged source/],
    [{ kind: 'pushed', name: 'x' }, /"pushed" is no kind of source; there are 'replayable'/],
  ])('%o is refused', async (source, message) => {
    const stream = await opened(
      pipelineOf('at-most-once', () => {}),
      scratch(),
      { durability: 'memory' },
    )
    await expect(stream.consume(source as never)).rejects.toThrow(message)
    await stream.close()
  })

  it.each([
    [() => undefined, /connected to undefined, which has no read, safe and close/],
    [
      () => ({
        read: async function* () {
          yield 7
        },
        safe() {},
        close() {},
      }),
      /gave 7, which is no list/,
    ],
    [
      () => ({
        read: async function* () {
          yield [{ message: 1 }]
        },
        safe() {},
        close() {},
      }),
      /where a message is \{ message, token \}/,
    ],
  ])('that breaks its contract ends the reading', async (connect, message) => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const source = { name: 'odd', kind: 'acknowledged', connect } as never
    await expect(stream.consume(source)).rejects.toThrow(message)
    await stream.close()
  })
})
