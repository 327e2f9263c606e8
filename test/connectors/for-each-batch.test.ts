import { expect, expectTypeOf, test } from 'vitest'
import { forEachBatch } from '../../src/connectors/for-each/batch.js'
import { Unavailable } from '../../src/core/handler-errors.js'
import { RejectedOutputs, type Sink } from '../../src/core/sink.js'
import { positionAt } from 'semel/testing'

function store(): void {}

const position = { ...positionAt(7), epoch: 3 }

/** What a write has come to. */
async function write<T>(sink: Sink<T>, outputs: readonly T[]): Promise<unknown> {
  const connection = await sink.connect({
    pipeline: 'test',
    shard: 0,
    shards: 1,
    epoch: 3,
    durability: 'process',
  })
  try {
    return await connection.write(outputs, position)
  } catch (error) {
    return error
  }
}

function told(failure: unknown): unknown {
  expect(failure).toBeInstanceOf(RejectedOutputs)
  const { written, rejected } = failure as RejectedOutputs
  return { written, rejected: [...rejected].map(([at, { message }]) => [at, message]) }
}

const rejecting = (rejected: readonly number[], written = 0): RejectedOutputs =>
  new RejectedOutputs(new Map(rejected.map((at) => [at, new Error(`no ${at}`)])), written)

test('is idempotent only where it is declared, by type and by value', () => {
  const plain = forEachBatch<number>(() => {})
  const declared = forEachBatch<number>(() => {}, { idempotent: true, size: 3 })
  expectTypeOf(plain).toEqualTypeOf<Sink<number, 'repeatable'>>()
  expectTypeOf(declared).toEqualTypeOf<Sink<number, 'idempotent'>>()
  expect([plain.kind, plain.name]).toEqual(['repeatable', 'forEachBatch'])
  expect([declared.kind, declared.declared]).toEqual(['idempotent', true])
  expect(forEachBatch(store).name).toBe('forEachBatch(store)')
})

test('gives all outputs of a write at once, and at most size of them', async () => {
  const seen: unknown[] = []
  await write(
    forEachBatch<number>((outputs, { through, originOf }) => {
      seen.push(outputs, through, originOf(1))
    }),
    [1, 2, 3],
  )
  expect(seen).toEqual([[1, 2, 3], 7, position.originOf(1)])
  seen.length = 0
  await write(
    forEachBatch<number>((outputs, { originOf }) => void seen.push(outputs, originOf(0)), {
      size: 2,
    }),
    [1, 2, 3],
  )
  expect(seen).toEqual([[1, 2], position.originOf(0), [3], position.originOf(2)])
})

test('returns at once where the function does, and awaits a promise before the next call', async () => {
  const connection = await forEachBatch<number>(() => {}).connect({} as never)
  expect(connection.write([1], position)).toBeUndefined()
  const seen: string[] = []
  await write(
    forEachBatch<number>(
      async ([first]) => {
        seen.push(`begin ${first}`)
        await Promise.resolve()
        seen.push(`end ${first}`)
      },
      { size: 1 },
    ),
    [1, 2],
  )
  expect(seen).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2'])
})

test('tells of rejected outputs by their places in the whole', async () => {
  const sink = forEachBatch<number>(
    (outputs) => {
      if (outputs.includes(4)) throw rejecting([1, 2], 1)
    },
    { size: 3 },
  )
  expect(told(await write(sink, [1, 2, 3, 4, 5, 6, 7]))).toEqual({
    written: 4,
    rejected: [
      [4, 'no 1'],
      [5, 'no 2'],
    ],
  })
})

test.each(['throws', 'rejects'])(
  'finds the one at fault where the function %s anything else',
  async (how) => {
    const calls: number[][] = []
    const sink = forEachBatch<number>((outputs) => {
      calls.push([...outputs])
      if (!outputs.includes(3)) return
      if (how === 'throws') throw new Error('bad row')
      return Promise.reject(new Error('bad row'))
    })
    expect(told(await write(sink, [1, 2, 3, 4]))).toEqual({
      written: 2,
      rejected: [[2, 'bad row']],
    })
    expect(calls).toEqual([[1, 2, 3, 4], [1], [2], [3]])
  },
)

test('goes on where each of them is well alone', async () => {
  const written: number[] = []
  const sink = forEachBatch<number>(
    (outputs) => {
      if (outputs.length > 1 && outputs[0] === 1) throw new Error('too many at once')
      written.push(...outputs)
    },
    { size: 2 },
  )
  expect(await write(sink, [1, 2, 3, 4])).toBeUndefined()
  expect(written).toEqual([1, 2, 3, 4])
})

test('does not look for one at fault where the service is unavailable', async () => {
  const calls: number[] = []
  const down = new Unavailable('down', { retryAfter: '1s' })
  const sink = forEachBatch<number>(
    ([first]) => {
      calls.push(first as number)
      if (first === 3) throw down
    },
    { size: 2 },
  )
  const failure = await write(sink, [1, 2, 3, 4])
  expect(told(failure)).toEqual({ written: 2, rejected: [[2, 'down']] })
  expect((failure as RejectedOutputs).rejected.get(2)).toBe(down)
  expect(calls).toEqual([1, 3])
})

test('refuses a rejection that can’t be, rather than blame another output', async () => {
  for (const impossible of [rejecting([]), rejecting([5]), rejecting([0], 1), rejecting([1], -1)]) {
    const sink = forEachBatch<number>(
      () => {
        throw impossible
      },
      { size: 2 },
    )
    expect(await write(sink, [1, 2, 3, 4, 5, 6, 7])).toMatchObject({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringContaining('forEachBatch: RejectedOutputs was thrown with the places'),
    })
  }
})

test('keeps its outputs whatever the function does to its array', async () => {
  const outputs = [3, 1, 2]
  await write(
    forEachBatch<number>((given) => void (given as number[]).splice(0)),
    outputs,
  )
  expect(outputs).toEqual([3, 1, 2])
})

test.each([
  [
    () => forEachBatch('x' as never),
    'forEachBatch: "x" is not a function; give (outputs, position)',
  ],
  [
    () => forEachBatch(() => {}, { size: 0 }),
    'forEachBatch.size: 0 is out of bounds; give a whole',
  ],
  [() => forEachBatch(() => {}, { size: 65_537 }), 'forEachBatch.size: 65537 is out of bounds'],
  [() => forEachBatch(() => {}, { idempotent: 1 as never }), 'forEachBatch.idempotent: 1 is'],
  [() => forEachBatch(() => {}, { name: '' }), 'forEachBatch.name: "" is not a name'],
  [() => forEachBatch(() => {}, { nmae: 'a' } as never), 'there is no option "nmae"'],
])('misuse %# is refused in words', (call, message) => {
  expect(call).toThrow(
    expect.objectContaining({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    }) as unknown as Error,
  )
})
