import * as fc from 'fast-check'
import { forEach, open, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { scratch } from './verbs.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 20)

/** Few, so that copies come often; each beside what it could be taken for. */
const answers = fc.constantFrom<unknown>(
  ...('a|A| a|a |1|-1|0|01|1n|null|undefined|NaN|[object Object]'.split('|') as unknown[]),
  ...'é|e\u0301|ß|ss|\ufeffa|a\0|a\0b|😀|constructor|__proto__|then'.split('|'),
  ...`|\u0020|\t\n|\u3000|\ud83d|\ude00|half \ud83d|${'z'.repeat(65_536)}`.split('|'),
  ...[15, 16, 17, 18, 65_535].map((length) => 'x'.repeat(length)),
  ...[0, -0, 1, -1, 2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1, -(2 ** 53) + 1].map(unknown),
  ...[0n, 1n, -1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)].map(unknown),
  ...[NaN, Infinity, 0.5, 2 ** 53, 2n ** 64n, -(2n ** 63n) - 1n].map(unknown),
  ...[null, undefined, true, Symbol('s'), {}, [], ['a'], [1], new Date(0), Object('a')].map(
    unknown,
  ),
  () => 'a',
)

function unknown(value: unknown): unknown {
  return value
}

/** What makes an id: undefined where it is none. */
function identity(answer: unknown): string | undefined {
  switch (typeof answer) {
    case 'string':
      if (answer.trim() === '' || answer.length > 65_535 || !answer.isWellFormed()) return undefined
      return `text ${answer}`
    case 'number':
      return Number.isSafeInteger(answer) ? `integer ${BigInt(answer)}` : undefined
    case 'bigint':
      return answer >= -(2n ** 63n) && answer < 2n ** 64n ? `integer ${answer}` : undefined
    default:
      return undefined
  }
}

test('ids that differ are never copies, copies always are, and what is no id is refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(answers, { minLength: 1, maxLength: 60 }),
      fc.constantFrom(1, 3),
      fc.boolean(),
      fc.nat(60),
      async (ids, shards, isAsync, reopenAt) => {
        const definition = pipeline('ids')
          .accepts<{ at: number }>()
          .deliver('exactly-once', { id: ({ at }) => ids[at] as string, window: '1h' })
          .map((message) => (isAsync ? Promise.resolve(message) : message))
          .to(forEach(({ at }) => void found.push(at), { idempotent: true }))
        const found: number[] = []
        const dir = scratch()
        const opened = () =>
          open(definition, { dir, shards, workers: 0, durability: 'process', ring: '1MiB' })
        let stream = await opened()
        const expected = new Map<string, number>()
        for (const [at, answer] of ids.entries()) {
          if (at === reopenAt) {
            await stream.close()
            stream = await opened()
          }
          const id = identity(answer)
          const sent = stream.send({ at }, { acknowledge: 'processed' })
          if (id === undefined) {
            await expect(sent).rejects.toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
            continue
          }
          expect((await sent).outcome).toBe(expected.has(id) ? 'duplicate' : 'processed')
          if (!expected.has(id)) expected.set(id, at)
        }
        await stream.close()
        expect(found.toSorted((a, b) => a - b)).toEqual([...expected.values()])
      },
    ),
    { numRuns },
  )
})

/** What makes a key: any text does. */
function keyIdentity(answer: unknown): string | undefined {
  if (typeof answer === 'string') return `text ${answer}`
  return typeof answer === 'bigint' ? `integer ${answer}` : identity(answer)
}

test('messages of one key are handled in order, and what is no key is refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(answers, fc.nat(3)), { minLength: 1, maxLength: 30 }),
      fc.constantFrom(1, 3),
      async (drawn, shards) => {
        const found: number[] = []
        const stream = await open(
          pipeline('keys')
            .accepts<{ at: number }>()
            .deliver('at-least-once')
            .keyBy(({ at }) => drawn[at]?.[0] as string)
            .map(async ({ at }) => {
              for (let turn = 0; turn < (drawn[at]?.[1] ?? 0); turn++) {
                await new Promise((resolve) => setImmediate(resolve))
              }
              found.push(at)
            })
            .to(forEach(() => {})),
          { dir: scratch(), shards, workers: 0, durability: 'process', ring: '1MiB' },
        )
        const byKey = new Map<string, number[]>()
        for (const [at, [answer]] of drawn.entries()) {
          const key = keyIdentity(answer)
          if (key === undefined) {
            expect(() => stream.push({ at })).toThrow(/keyBy/)
            continue
          }
          expect(stream.push({ at })).toBe(true)
          byKey.set(key, [...(byKey.get(key) ?? []), at])
        }
        await stream.drain()
        await stream.close()
        for (const sent of byKey.values()) {
          expect(found.filter((at) => sent.includes(at))).toEqual(sent)
        }
      },
    ),
    { numRuns },
  )
})

test('a function that answers anew at each call has one answer for its message', async () => {
  let calls = 0
  const ids: unknown[] = []
  const stream = await open(
    pipeline('anew')
      .accepts<{ n: number }>()
      .deliver('exactly-once', { id: () => (calls += 1), window: '1h' })
      .map((message) => message)
      .to(forEach((message) => void ids.push(message), { idempotent: true })),
    { dir: scratch(), shards: 4, workers: 0, durability: 'process' },
  )
  for (let n = 0; n < 100; n++) stream.push({ n })
  expect(calls).toBe(100)
  await stream.drain()
  await stream.close()
  expect(ids).toHaveLength(100)
})

test.each(['id', 'keyBy', 'schema'] as const)(
  'a function that throws refuses its message and no other: %s',
  async (which) => {
    const bad = (by: string) => (message: { n: number }) => {
      if (by === which && message.n === 1) throw Object.create(null) as Error
      return message.n
    }
    const found: number[] = []
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => (bad('schema')(value as { n: number }), { value }),
      },
    } as never
    const stream = await open(
      pipeline('throws')
        .accepts(schema)
        .deliver('exactly-once', { id: bad('id') as never, window: '1h' })
        .keyBy(bad('keyBy') as never)
        .to(forEach(({ n }: { n: number }) => void found.push(n), { idempotent: true }) as never),
      { dir: scratch(), workers: 0, durability: 'process' },
    )
    expect(stream.push({ n: 0 } as never)).toBe(true)
    expect(() => stream.push({ n: 1 } as never)).toThrow(/threw/)
    await expect(stream.send({ n: 1 } as never)).rejects.toMatchObject({
      code: 'SEMEL_INVALID_ARGUMENT',
    })
    expect(stream.push({ n: 2 } as never)).toBe(true)
    await stream.drain()
    await stream.close()
    expect(found).toEqual([0, 2])
  },
)
