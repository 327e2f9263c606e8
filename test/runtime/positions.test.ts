// What a transactional sink is given beside a commit, for whoever goes on from the sink alone.
import { memorySource, open, pipeline, type Commit } from 'semel'
import { memoryPartitions, memoryTransactional } from 'semel/testing'
import { expect, onTestFinished, test } from 'vitest'
import { scratch, small } from './verbs.js'

interface Row {
  readonly id: number
}

const rows = (count: number): Row[] => Array.from({ length: count }, (_, id) => ({ id }))

const told = ({ positions }: Pick<Commit, 'positions'>): unknown =>
  positions.length === 0 ? undefined : JSON.parse(Buffer.from(positions).toString())

async function stored() {
  const store = await memoryTransactional()
  onTestFinished(() => store.close())
  const definition = pipeline('rows')
    .accepts<Row>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .to(store.sink)
  return { store, definition }
}

const options = { ...small, workers: 0, durability: 'process' as const }

test('each commit tells by name how far its shard has the sources', async () => {
  const { store, definition } = await stored()
  const dir = scratch()
  for (const count of [5, 9]) {
    const stream = await open(definition, { ...options, dir })
    await stream.consume(memorySource(rows(count)))
    await stream.drain()
    await stream.close()
  }
  const commits = store.commits('rows')
  expect(told(commits.at(-1) as Commit)).toEqual({
    format: 1,
    partitions: [[0, 9, { partition: 'memory' }]],
  })
  // Where it has got to with this commit, and never further than its messages.
  for (const commit of commits) {
    const { partitions } = told(commit) as { partitions: [[number, number, unknown]] }
    expect(partitions[0][1]).toBe(commit.through)
  }
  expect(store.violations).toEqual([])
})

test('where nothing comes from a source there are none', async () => {
  const { store, definition } = await stored()
  const stream = await open(definition, { ...options, dir: scratch() })
  await stream.send({ id: 1 })
  await stream.close()
  expect(store.commits('rows').map(({ positions }) => positions.length)).toEqual([0])
})

test('more than find room are counted, and none is told by half', async () => {
  const { store, definition } = await stored()
  const stream = await open(definition, { ...options, dir: scratch() })
  const names = Array.from({ length: 300 }, (_, at) => `${at} ${'a long name '.repeat(100)}`)
  const partitions = memoryPartitions<Row>()
  for (const [id, name] of names.entries()) partitions.put(name, { id })
  partitions.end()
  await stream.consume(partitions.member())
  await stream.drain()
  await stream.close()
  const last = store.commits('rows').at(-1) as Commit
  expect(told(last)).toEqual({ format: 1, left: names.length })
})
