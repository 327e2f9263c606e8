// Offsets of a source that can't be resumed were stored under the number of another one: a file that
// was read into the same directory later began as many bytes in as the iterable had had messages.
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSource, forEach, iterableSource, pipeline } from 'semel'
import { expect, it } from 'vitest'
import { opened, scratch, small } from '../runtime/verbs.js'

interface Row {
  readonly n: number
}

function setUp() {
  const took: number[] = []
  const definition = pipeline('rows')
    .accepts<Row>()
    .deliver('at-least-once')
    .to(forEach<Row>(({ n }) => took.push(n)))
  const dir = scratch()
  const path = join(dir, 'in.ndjson')
  writeFileSync(path, '{"n":100}\n{"n":101}\n{"n":102}\n{"n":103}\n')
  const data = join(dir, 'data')
  const open = () => opened(definition, { dir: data, workers: 0, durability: 'process', ...small })
  const messages = Array.from({ length: 25 }, (_, n) => ({ n }))
  return { took, path, data, open, messages }
}

it('reads a file from its start after an iterable has gone into the same directory', async () => {
  const { took, path, open, messages } = setUp()
  const first = await open()
  await first.consume(iterableSource(messages))
  await first.drain()
  await first.close()
  const second = await open()
  await expect(second.consume(fileSource<Row>(path))).resolves.toEqual({ rows: 4, malformed: 0 })
  await second.drain()
  expect(took.slice(25)).toEqual([100, 101, 102, 103])
})

it('gives no source a number under which an earlier version has stored something unnamed', async () => {
  const { took, path, data, open, messages } = setUp()
  await (await open()).close()
  copyFileSync(join(data, 'sources'), join(data, '..', 'sources'))
  const first = await open()
  await first.consume(iterableSource(messages))
  await first.drain()
  await first.close()
  // As it was left then: the number was in use, and not in the file.
  copyFileSync(join(data, '..', 'sources'), join(data, 'sources'))
  const second = await open()
  await expect(second.consume(fileSource<Row>(path))).resolves.toEqual({ rows: 4, malformed: 0 })
  await second.drain()
  expect(took.slice(25)).toEqual([100, 101, 102, 103])
})
