import type { Place, ReplayableContext, ReplayableSource } from 'semel'
import { describe, expect, it } from 'vitest'
import { scratch } from '../runtime/verbs.js'
import { opened, pipelineOf, rowAt, type Row } from './replayable.js'

/** A connection of one partition, whatever it gives. */
function giving(read: (context: ReplayableContext, from: Place) => AsyncIterable<unknown>): {
  source: ReplayableSource<Row>
  safe: Place[]
} {
  const safe: Place[] = []
  const source = {
    name: 'odd',
    kind: 'replayable' as const,
    connect: (context: ReplayableContext) => ({
      async *read() {
        const [from] = await context.assigned([{ partition: 'a' }])
        yield* read(context, from as Place)
      },
      safe: (places: readonly Place[]) => void safe.push(...places),
      close() {},
    }),
  }
  return { source: source as never, safe }
}

describe('a replayable source that is odd', () => {
  it.each([
    ['offsets that go back', [rowAt(3), rowAt(2)], /offset 2 behind 3/],
    ['a bigint that goes back', [rowAt(3n), rowAt(2n)], /offset 2n behind 3,/],
    ['no rows', 7, /whose rows are 7/],
  ])('ends its reading: %s', async (_, given, message) => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const { source, safe } = giving(async function* () {
      yield { partition: 'a', rows: given, offset: 9 }
    })
    await expect(stream.consume(source)).rejects.toThrow(message)
    expect(safe).toEqual([])
    await stream.close()
  })

  it.each<[string, (context: ReplayableContext) => Promise<unknown>, RegExp]>([
    ['it has twice', ({ assigned }) => assigned([{ partition: 'a' }]), /assigned "a" twice/],
    ['without a name', ({ assigned }) => assigned([{} as never]), /where one is \{ partition \}/],
    [
      'at no offset',
      ({ assigned }) => assigned([{ partition: 'b', offset: -1 }]),
      /assigned "b" at -1/,
    ],
    ['as no list', ({ assigned }) => assigned('a' as never), /assigned "a", which is no list/],
    ['that go as no list', ({ revoked }) => revoked('a' as never), /revokes "a", which is no list/],
  ])('ends its reading: partitions %s', async (_, act, message) => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const { source } = giving(async function* (context) {
      void act(context)
      yield { partition: 'a', rows: [], offset: 0 }
      while (!context.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1))
    })
    await expect(stream.consume(source)).rejects.toThrow(message)
    await stream.close()
  })

  it('ends its reading: a partition that it was not assigned', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const { source } = giving(async function* () {
      yield { partition: 'b', rows: [], offset: 1 }
    })
    await expect(stream.consume(source)).rejects.toThrow(/"b", which is not among its partitions/)
    await stream.close()
  })

  it('has what comes of a partition behind its revocation left out', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const { source, safe } = giving(async function* (context) {
      yield { partition: 'a', rows: [rowAt(1)], offset: 1 }
      await context.revoked(['a'])
      yield { partition: 'a', rows: [rowAt(2)], offset: 2 }
      const [from] = await context.assigned([{ partition: 'a' }])
      yield { partition: 'a', rows: [rowAt((from?.offset as number) + 1)], offset: 2 }
    })
    expect(await stream.consume(source)).toEqual({ rows: 2, malformed: 0 })
    expect(safe.at(-1)).toEqual({ partition: 'a', offset: 2 })
    await stream.close()
  })

  it('is told no place of a partition that has gone while another one was waited for', async () => {
    const stream = await opened(
      pipelineOf('at-least-once', () => {}),
      scratch(),
    )
    const contexts: ReplayableContext[] = []
    const waiting = (name: string): ReplayableSource<Row> =>
      ({
        name,
        kind: 'replayable' as const,
        connect: (context: ReplayableContext) => {
          contexts.push(context)
          return {
            async *read() {
              yield* []
              while (!context.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1))
            },
            close() {},
          }
        },
      }) as never
    const readings = [stream.consume(waiting('one')), stream.consume(waiting('two'))]
    await expect.poll(() => contexts.length).toBe(2)
    const [one, two] = contexts as [ReplayableContext, ReplayableContext]
    await one.assigned([{ partition: 'b' }])
    // The second one's waits until the first has let its b go.
    const first = two.assigned([
      { partition: 'a', offset: 3 },
      { partition: 'b', offset: 1 },
    ])
    await new Promise((resolve) => setTimeout(resolve, 20))
    await two.revoked(['a'])
    expect(await two.assigned([{ partition: 'a', offset: 9 }])).toEqual([
      { partition: 'a', offset: 9 },
    ])
    await one.revoked(['b'])
    expect(await first).toEqual([{ partition: 'b', offset: 1 }])
    await stream.close({ timeout: 0 }).catch(() => {})
    await Promise.allSettled(readings)
  })
})
