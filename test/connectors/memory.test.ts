import { expect, test } from 'vitest'
import { memory } from '../../src/connectors/memory/sink.js'
import { memorySource } from '../../src/connectors/memory/source.js'
import { positionAt } from 'semel/testing'

test('the outputs are those of shard 0, then those of shard 1, however they came', async () => {
  const sink = memory<string>()
  const position = positionAt(1)
  for (const shard of [1, 0, 2]) {
    const connection = await sink.connect({
      pipeline: 'test',
      shard,
      shards: 3,
      epoch: 1,
      durability: 'memory',
    })
    await connection.write([`${shard}a`, `${shard}b`], position)
  }
  expect(sink.outputs).toEqual(['0a', '0b', '1a', '1b', '2a', '2b'])
  expect(sink.shard(1)).toEqual(['1a', '1b'])
  expect(sink.shard(7)).toEqual([])
})

test('two sinks share nothing', async () => {
  const [one, other] = [memory(), memory()]
  const context = { pipeline: 'test', shard: 0, shards: 1, epoch: 1, durability: 'memory' } as const
  await (await one.connect(context)).write([1], positionAt(1))
  expect(other.outputs).toEqual([])
})

test('an array that has become shorter than what was read is refused', async () => {
  const context = { offsets: new Map([['memory', 3]]), signal: new AbortController().signal }
  const batches = memorySource([1, 2]).read(context)[Symbol.asyncIterator]()
  await expect(batches.next()).rejects.toMatchObject({ code: 'SEMEL_SOURCE_TRUNCATED' })
})

test.each([
  [() => memorySource('ab' as never), 'memorySource: "ab" is not an array'],
  [() => memorySource([], { batch: 0 }), 'memorySource.batch: 0 is out of bounds'],
  [() => memorySource([], { bacth: 0 } as never), 'there is no option "bacth"; there is batch'],
])('misuse %# is refused in words', (call, message) => {
  expect(call).toThrow(
    expect.objectContaining({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    }) as unknown as Error,
  )
})
