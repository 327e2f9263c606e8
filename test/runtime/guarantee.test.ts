import { join } from 'node:path'
import { file, guarantee, memory, pipeline } from 'semel'
import { expect, test } from 'vitest'
import { opened, scratch, small } from './verbs.js'

test('a stream reports what its definition would, opened like this', async () => {
  const dir = scratch()
  const definition = pipeline('orders')
    .accepts<{ id: number }>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .to(file(join(dir, 'out.ndjson')))
  const options = { ...small, workers: 0, durability: 'process', acknowledge: 'processed' } as const
  const stream = await opened(definition, { ...options, dir: join(dir, 'data') })
  expect(stream.guarantee()).toEqual(guarantee(definition, options))
  expect(stream.guarantee()).toMatchObject({ durability: 'process', weakest: 'stored' })
})

test('a stream that keeps nothing reports on the delivery that it was opened with', async () => {
  const definition = pipeline('orders')
    .accepts<{ id: number }>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .to(memory())
  const stream = await opened(definition, { workers: 0, delivery: 'at-most-once' })
  expect(stream.guarantee()).toMatchObject({ delivery: 'at-most-once', durability: 'memory' })
})
