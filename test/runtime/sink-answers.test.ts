import * as fc from 'fast-check'
import { fixed, pipeline, RejectedOutputs, type Sink, type SinkConnection } from 'semel'
import { expect, test } from 'vitest'
import { rejectionOf } from '../../src/runtime/sinks/connection.js'
import { expectBalanced, next, opened, pushAll, scratch, small } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 300)
const settings = () => ({ ...small, dir: scratch(), workers: 0, durability: 'process' }) as const

/** Answers once in an odd way, and from then on writes. */
function sink(
  connection: Partial<Record<keyof SinkConnection<unknown>, unknown>>,
  kind: 'repeatable' | 'rewindable' = 'repeatable',
): Sink<unknown> {
  const connect = () => ({ write: () => {}, close: () => {}, ...connection }) as never
  return { name: 'odd', kind, connect }
}

const through = (to: Sink<unknown>) =>
  pipeline('answers')
    .accepts<{ id: number }>()
    .deliver('at-least-once')
    .retry({ attempts: 1, backoff: fixed(0) })
    .to(to)

const messages = [{ id: 0 }, { id: 1 }, { id: 2 }]

const impossible: readonly (readonly [string, () => unknown])[] = [
  ['rejects nothing', () => new RejectedOutputs(new Map())],
  ['rejects what it was not given', () => new RejectedOutputs(new Map([[3, new Error('no')]]))],
  ['rejects what it has written', () => new RejectedOutputs(new Map([[0, new Error('no')]]), 1)],
  ['rejects before the first', () => new RejectedOutputs(new Map([[-1, new Error('no')]]))],
  ['rejects a half', () => new RejectedOutputs(new Map([[0.5, new Error('no')]]))],
  ['rejects by a text', () => new RejectedOutputs(new Map([['0' as never, new Error('no')]]))],
  ['has written too many', () => new RejectedOutputs(new Map([[2, new Error('no')]]), 9)],
  ['has written less than none', () => new RejectedOutputs(new Map([[2, new Error('no')]]), -1)],
  ['has written NaN', () => new RejectedOutputs(new Map([[2, new Error('no')]]), NaN)],
  [
    'rejects by no map',
    () => Object.assign(new RejectedOutputs(new Map()), { rejected: { 0: 1 } }),
  ],
  [
    'can’t be read',
    () =>
      Object.defineProperty(new RejectedOutputs(new Map()), 'rejected', {
        get() {
          throw null
        },
      }),
  ],
  ['is nothing', () => undefined],
  ['is out of reach', () => Proxy.revocable({}, {}).proxy],
]

test.each(impossible)(
  'a rejection that %s is a failure of the sink, which is tried again',
  async (_what, thrown) => {
    const written: unknown[] = []
    let failures = 2
    const write = (outputs: readonly unknown[]) => {
      if (failures-- > 0) throw thrown()
      written.push(...outputs)
    }
    const stream = await opened(through(sink({ write })), settings())
    const failed = next<{ error: string }>(stream, 'sink-failed')
    await pushAll(stream, messages)
    await stream.drain({ timeout: 20_000 })
    expect((await failed).error).not.toBe('')
    expect(written).toEqual(messages)
    expect(stream.counters()).toMatchObject({ processed: 3, deadLettered: 0 })
  },
)

test('why an output was rejected may be anything, and is told in words', async () => {
  const reasons = [null, 'a text', Object.create(null) as unknown]
  let isFirst = true
  const write = () => {
    if (!isFirst) return
    isFirst = false
    throw new RejectedOutputs(new Map(reasons.map((why, index) => [index, why as Error])))
  }
  const stream = await opened(through(sink({ write })), settings())
  await pushAll(stream, messages)
  await stream.drain()
  expectBalanced(stream.counters())
  const told = [...stream.deadLetters.list()].map(({ history }) => history[0]?.error)
  expect(told).toEqual([
    'Error: null was thrown',
    'Error: a text',
    expect.stringMatching(/null prototype/),
  ])
})

test.each<[string, (calls: number) => unknown]>([
  ['throws', () => Symbol.iterator],
  ['is NaN', () => NaN],
  ['is negative', () => -5],
  ['is a half', () => 1.5],
  ['is a text', () => '7'],
  ['is a promise', () => Promise.resolve(7)],
  ['is nothing', () => undefined],
  ['goes back', () => 2],
])('a place that %s is asked for again, and holds up nothing for good', async (what, odd) => {
  let calls = 0
  const place = () => {
    calls += 1
    // At the opening it is right.
    if (calls < 3) return 5
    if (calls > 5) return 9
    if (what === 'throws') throw odd(calls)
    return odd(calls)
  }
  const stream = await opened(through(sink({ place, rewind: () => {} }, 'rewindable')), settings())
  const failed = next<{ error: string }>(stream, 'sink-failed')
  await pushAll(stream, messages)
  await stream.drain({ timeout: 20_000 })
  expect((await failed).error).toMatch(/place/)
  expect(stream.counters()).toMatchObject({ processed: 3 })
})

test.each([undefined, null, 5, 'connection', {}, { write: 5 }, { write: () => {} }])(
  'what is no connection is refused at the opening: %o',
  async (answer) => {
    const to: Sink<unknown> = { name: 'none', kind: 'repeatable', connect: () => answer as never }
    await expect(opened(through(to), settings())).rejects.toMatchObject({
      code: 'SEMEL_SINK',
      message: expect.stringMatching(/the sink none: connect answered/) as string,
    })
  },
)

test('a rejection is taken where each index is of an output that was not written, and only there', () => {
  const number = fc.oneof(fc.integer({ min: -2, max: 8 }), fc.double(), fc.constant('1'))
  fc.assert(
    fc.property(
      fc.nat({ max: 6 }),
      number,
      fc.array(number, { maxLength: 4 }),
      (outputs, written, indices) => {
        const rejected = new Map(indices.map((index) => [index as number, new Error('no')]))
        const thrown = new RejectedOutputs(rejected, written as number)
        const can =
          Number.isSafeInteger(written) &&
          (written as number) >= 0 &&
          (written as number) <= outputs &&
          indices.length > 0 &&
          indices.every(
            (index) =>
              Number.isSafeInteger(index) &&
              (index as number) >= (written as number) &&
              (index as number) < outputs,
          )
        if (can) expect(rejectionOf(thrown, outputs)).toEqual({ written, rejected })
        else expect(() => rejectionOf(thrown, outputs)).toThrow(/RejectedOutputs with/)
      },
    ),
    { numRuns },
  )
})
