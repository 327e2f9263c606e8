import { expect, expectTypeOf, test } from 'vitest'
import { forEach } from '../../src/connectors/for-each/sink.js'
import { RejectedOutputs, type Sink, type SinkConnection } from '../../src/core/sink.js'
import { positionAt } from 'semel/testing'

const position = { ...positionAt(7), epoch: 3 }

async function connect<T>(sink: Sink<T>): Promise<SinkConnection<T>> {
  return sink.connect({ pipeline: 'test', shard: 0, shards: 1, epoch: 3, durability: 'process' })
}

const store = (): void => {}

test('is idempotent only where it is declared, by type and by value', () => {
  const plain = forEach<number>(() => {})
  const declared = forEach<number>(() => {}, { idempotent: true })
  expectTypeOf(plain).toEqualTypeOf<Sink<number, 'repeatable'>>()
  expectTypeOf(declared).toEqualTypeOf<Sink<number, 'idempotent'>>()
  expect(plain.kind).toBe('repeatable')
  expect(declared.kind).toBe('idempotent')
})

test('is named after its function', () => {
  expect(forEach(store).name).toBe('forEach(store)')
  expect(forEach(() => {}).name).toBe('forEach')
  expect(forEach(store, { name: 'orders' }).name).toBe('orders')
})

test('gives each output with its position, its origin and a key', async () => {
  const seen: unknown[] = []
  const connection = await connect(
    forEach<string>((output, { epoch, through, origin, idempotencyKey }) =>
      seen.push([output, epoch, through, origin, idempotencyKey]),
    ),
  )
  await connection.write(['a', 'b'], position)
  expect(seen).toEqual([
    ['a', 3, 7, position.originOf(0), 'suite:5e:0:7:0'],
    ['b', 3, 7, position.originOf(1), 'suite:5e:0:7:1'],
  ])
})

test('returns at once where the function does', async () => {
  const connection = await connect(forEach<string>(() => {}))
  expect(connection.write(['a'], position)).toBeUndefined()
})

test('awaits a promise before the next call, also where only some calls return one', async () => {
  const seen: string[] = []
  const connection = await connect(
    forEach<number>((output) => {
      seen.push(`begin ${output}`)
      if (output % 2 === 0) return
      return new Promise<void>((resolve) => {
        setImmediate(() => {
          seen.push(`end ${output}`)
          resolve()
        })
      })
    }),
  )
  await connection.write([0, 1, 2, 3], position)
  expect(seen).toEqual(['begin 0', 'begin 1', 'end 1', 'begin 2', 'begin 3', 'end 3'])
})

test.each(['throws', 'rejects'])('a function that %s stops at that output', async (how) => {
  const seen: number[] = []
  const each = (output: number): void | Promise<void> => {
    if (output !== 2) return void seen.push(output)
    const reason = new Error('no such account')
    if (how === 'throws') throw reason
    return Promise.reject(reason)
  }
  const connection = await connect(forEach(each))
  const write = async (): Promise<void> => connection.write([0, 1, 2, 3], position)
  const thrown = await write().catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(RejectedOutputs)
  const { written, rejected } = thrown as RejectedOutputs
  expect(written).toBe(2)
  expect([...rejected].map(([index, { message }]) => [index, message])).toEqual([
    [2, 'no such account'],
  ])
  expect(seen).toEqual([0, 1])
})

test.each([
  [() => forEach('x' as never), 'forEach: "x" is not a function'],
  [() => forEach(() => {}, { idempotent: 1 as never }), 'forEach.idempotent: 1 is neither'],
  [() => forEach(() => {}, { name: '' }), 'forEach.name: "" is not a name'],
  [() => forEach(() => {}, { nmae: 'a' } as never), 'there is no option "nmae"'],
])('misuse %# is refused in words', (call, message) => {
  expect(call).toThrow(
    expect.objectContaining({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    }) as unknown as Error,
  )
})
