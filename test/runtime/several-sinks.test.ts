import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  file,
  fixed,
  forEach,
  guarantee,
  guaranteeText,
  memory,
  open,
  pipeline,
  RejectedOutputs,
  type DeadLetterRecord,
  type Origin,
  type Sink,
} from 'semel'
import { memoryPartitions } from 'semel/testing'
import { afterAll, expect, test } from 'vitest'
import { expectBalanced, opened, pushAll, scratch } from './verbs.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Inside the package, so that a worker's module finds semel by name. */
mkdirSync(join(root, 'build'), { recursive: true })
const folder = mkdtempSync(join(root, 'build', 'several-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Order {
  readonly id: number
  readonly cents: number
}

const orders = () =>
  pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .retry({ attempts: 2, backoff: fixed('1ms') })

const some = (count: number): Order[] =>
  Array.from({ length: count }, (_, id) => ({ id, cents: id * 10 }))

test('to writes a copy to each, in order', async () => {
  const [a, b] = [memory<Order>(), memory<Order>()]
  const dir = scratch()
  const stream = await opened(orders().to(a, file(join(dir, 'b.ndjson')), b), { dir, workers: 0 })
  await pushAll(stream, some(500))
  await stream.drain()
  expect(a.outputs).toEqual(some(500))
  expect(b.outputs).toEqual(some(500))
  await stream.close()
  const lines = readFileSync(join(dir, 'b.ndjson'), 'utf8').trim().split('\n')
  expect(lines.map((line) => JSON.parse(line) as Order)).toEqual(some(500))
})

test('branches have operators and sinks of their own, and a sender is told what all of them make', async () => {
  const [large, texts, all] = [memory<number>(), memory<string>(), memory<Order>()]
  const definition = orders().branch({
    large: (b) =>
      b
        .filter(({ cents }) => cents > 20)
        .map(async ({ id }) => Promise.resolve(id))
        .to(large),
    texts: (b) => b.flatMap(({ id }) => [`${id}`, `${id}!`]).to(texts),
    all: (b) => b.filter(({ id }) => id > 0).to(all),
  })
  const stream = await opened(definition, { dir: scratch(), workers: 0, acknowledge: 'processed' })
  const results = await Promise.all(some(4).map((order) => stream.send(order)))
  expect(results.map((one) => (one as { results?: unknown }).results)).toEqual([
    ['0', '0!'],
    ['1', '1!', { id: 1, cents: 10 }],
    ['2', '2!', { id: 2, cents: 20 }],
    [3, '3', '3!', { id: 3, cents: 30 }],
  ])
  expect(large.outputs).toEqual([3])
  expect(texts.outputs).toEqual(['0', '0!', '1', '1!', '2', '2!', '3', '3!'])
  expect(all.outputs).toHaveLength(3)
})

test('a message of which no branch leaves anything is filtered, and one that a branch fails fails whole', async () => {
  const [a, b] = [memory<Order>(), memory<Order>()]
  const definition = orders().branch({
    a: (branch) => branch.filter(({ id }) => id !== 1).to(a),
    b: (branch) =>
      branch
        .filter(({ id }) => id !== 1)
        .tap(({ id }) => {
          if (id === 2) throw new Error('no')
        })
        .to(b),
  })
  const stream = await opened(definition, { dir: scratch(), workers: 0 })
  await pushAll(stream, some(4))
  await stream.drain()
  expect(stream.counters()).toMatchObject({ processed: 2, filtered: 1, deadLettered: 1 })
  expect(a.outputs.map(({ id }) => id)).toEqual([0, 3])
  expect(b.outputs).toEqual(a.outputs)
})

test('behind a batch values go to all sinks', async () => {
  const [a, b] = [memory<readonly Order[]>(), memory<readonly Order[]>()]
  const stream = await opened(orders().batch(2, { within: '1s' }).to(a, b), {
    dir: scratch(),
    workers: 0,
  })
  await pushAll(stream, some(4))
  await stream.drain()
  expect(a.outputs).toEqual([some(4).slice(0, 2), some(4).slice(2)])
  expect(b.outputs).toEqual(a.outputs)
})

test('dead letters and late messages go to their sinks, with what failed', async () => {
  const [dead, late, good] = [memory<DeadLetterRecord<Order>>(), memory<Order>(), memory<Order>()]
  const definition = pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', {
      id: ({ id }) => id,
      window: '1h',
      time: ({ cents }) => (cents < 0 ? 1 : Date.now()),
    })
    .retry({ attempts: 2, backoff: fixed('1ms') })
    .deadLetters(dead)
    .late(late)
    .tap(({ id }) => {
      if (id === 7) throw new RangeError('it is seven')
    })
    .to(good)
  const dir = scratch()
  const stream = await opened(definition, { dir, workers: 0 })
  await stream.send({ id: 7, cents: 1 }, { headers: { from: 'till 3' } })
  await stream.send({ id: 8, cents: -5 })
  await stream.send({ id: 9, cents: 5 })
  await stream.drain()
  expectBalanced(stream.counters())
  expect(good.outputs).toEqual([{ id: 9, cents: 5 }])
  expect(late.outputs).toEqual([{ id: 8, cents: -5 }])
  expect(dead.outputs).toHaveLength(1)
  expect(dead.outputs[0]).toMatchObject({
    shard: 0,
    sequence: 1,
    attempts: 2,
    message: { id: 7, cents: 1 },
    headers: { from: 'till 3' },
    history: [
      { attempt: 1, error: 'RangeError: it is seven' },
      { attempt: 2, error: 'RangeError: it is seven' },
    ],
  })
  expect([...stream.deadLetters.list()].map(({ message }) => message)).toEqual([
    { id: 7, cents: 1 },
  ])
})

test('a letter that its sink refuses is in the directory, and the event says so', async () => {
  const refuse: Sink<unknown, 'idempotent'> = forEach(
    () => {
      throw new Error('not here')
    },
    { idempotent: true, name: 'letters' },
  )
  const definition = orders()
    .deadLetters(refuse)
    .tap(({ id }) => {
      if (id === 1) throw new Error('no')
    })
    .to(memory())
  const stream = await opened(definition, { dir: scratch(), workers: 0 })
  const told: unknown[] = []
  stream.on('sink-refused', (event) => told.push(event))
  await pushAll(stream, some(3))
  await stream.drain()
  expect(stream.counters()).toMatchObject({ processed: 2, deadLettered: 1 })
  expect(told).toEqual([
    { kind: 'sink-refused', shard: 0, sequence: 2, sink: 'letters', error: 'not here' },
  ])
})

test('a message that kills its worker goes to the sink for dead letters', async () => {
  const dir = scratch()
  const module = join(mkdtempSync(join(folder, 'killer-')), 'killer.pipeline.js')
  writeFileSync(
    module,
    `import { file, fixed, pipeline } from 'semel'
export default pipeline('killer')
  .accepts()
  .deliver('exactly-once', { id: (order) => order.id, window: '1h' })
  .retry({ attempts: 2, backoff: fixed('1ms') })
  .deadLetters(file(${JSON.stringify(join(dir, 'dead.ndjson'))}))
  .tap(({ id }) => {
    if (id === 5) process.exit(3)
  })
  .to(file(${JSON.stringify(join(dir, 'good.ndjson'))}))
`,
  )
  const stream = await open<Order>(pathToFileURL(module), {
    dir: join(dir, 'data'),
    workers: 1,
    shards: 1,
  })
  await pushAll(stream, some(10))
  await stream.drain()
  await stream.close()
  const lines = (name: string): { id?: number; message?: Order; attempts?: number }[] =>
    readFileSync(join(dir, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as never)
  expect(lines('good.ndjson').map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9])
  expect(lines('dead.ndjson')).toMatchObject([{ message: { id: 5 }, attempts: 2 }])
})

test('sinks find their places again when others come, go, and change their order', async () => {
  const dir = scratch()
  const path = (name: string): string => join(dir, `${name}.ndjson`)
  const lives: Parameters<ReturnType<typeof orders>['branch']>[0][] = [
    { a: (b) => b.to(file(path('a'))), b: (b) => b.to(file(path('b'))) },
    { c: (b) => b.to(file(path('c'))), b: (b) => b.to(file(path('b'))) },
    {
      b: (b) => b.to(file(path('b'))),
      a: (b) => b.to(file(path('a'))),
      c: (b) => b.to(file(path('c'))),
    },
  ]
  for (const [life, branches] of lives.entries()) {
    const stream = await open(orders().branch(branches), { dir: join(dir, 'data'), workers: 0 })
    await pushAll(
      stream,
      [0, 1, 2].map((at) => ({ id: life * 3 + at, cents: 1 })),
    )
    await stream.drain()
    await stream.close()
  }
  const ids = (name: string): number[] =>
    readFileSync(path(name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Order).id)
  expect(ids('a')).toEqual([0, 1, 2, 6, 7, 8])
  expect(ids('b')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect(ids('c')).toEqual([3, 4, 5, 6, 7, 8])
  expect(readFileSync(join(dir, 'data', 'sinks'), 'latin1')).toContain('["0","a","b","c"]')
})

test('an output has the same key whenever it is given, and no other one has it', async () => {
  const dir = scratch()
  const keys = new Map<string, string[]>()
  let isDown = true
  const definition = orders()
    .retry({ attempts: 1000, backoff: fixed('2ms') })
    .flatMap(({ id }) => [`${id}a`, `${id}b`])
    .to(
      forEach(
        (output, { idempotencyKey, origin }) => {
          const seen = keys.get(output) ?? []
          keys.set(output, [...seen, idempotencyKey])
          expect(origin).toMatchObject({ pipeline: 'orders', shard: 0 })
          if (isDown && output === '1b') throw new Error('not now')
        },
        { idempotent: true },
      ),
    )
  const first = await open(definition, { dir, workers: 0 })
  await pushAll(first, some(3))
  await first.close({ timeout: 0 }).catch(() => {})
  isDown = false
  const stream = await opened(definition, { dir, workers: 0 })
  await stream.drain()
  expect(stream.counters()).toMatchObject({ processed: 3 })
  const all = [...keys.values()]
  expect(all).toHaveLength(6)
  for (const given of all) expect(new Set(given).size).toBe(1)
  expect(new Set(all.map(([key]) => key)).size).toBe(6)
})

test('without a journal the key is made of partition and offset', async () => {
  const origins: Origin[] = []
  const group = memoryPartitions<Order>()
  group.put('p1', ...some(3))
  group.end()
  const definition = pipeline('orders')
    .accepts<Order>()
    .deliver('exactly-once', { by: 'position' })
    .to(forEach((_order, { origin }) => void origins.push(origin), { idempotent: true }))
  const stream = await opened(definition, { dir: scratch(), workers: 0, journal: false })
  await stream.consume(group.member())
  expect(origins.map(({ partition, offset }) => [partition, offset])).toEqual([
    ['p1', 1],
    ['p1', 2],
    ['p1', 3],
  ])
})

test('at most once a message that one sink refuses is dropped there, and repeated nowhere', async () => {
  const given: number[] = []
  const [a, b] = [memory<Order>(), memory<Order>()]
  const picky: Sink<Order, 'repeatable'> = Object.freeze({
    name: 'picky',
    kind: 'repeatable',
    connect: () => ({
      write(list: readonly Order[]) {
        given.push(...list.map(({ id }) => id))
        const at = list.findIndex(({ id }) => id === 2)
        if (at >= 0) throw new RejectedOutputs(new Map([[at, new Error('no')]]), at)
      },
      close() {},
    }),
  })
  const definition = pipeline('orders').accepts<Order>().deliver('at-most-once').to(a, picky, b)
  const stream = await opened(definition, { workers: 0 })
  await pushAll(stream, some(5))
  await stream.drain()
  expect(stream.counters()).toMatchObject({ processed: 4, dropped: 1 })
  expect(a.outputs.map(({ id }) => id)).toEqual([0, 1, 3, 4])
  expect(b.outputs).toEqual(a.outputs)
  expect(given.filter((id) => id !== 2 && id < 2)).toEqual([0, 1])
})

test('a guarantee has a hop for each sink, and says what one commit means', () => {
  const definition = orders().deadLetters(memory()).to(file('a.ndjson'), memory())
  const report = guarantee(definition, { dir: '.' })
  expect(report.sinks.map(({ name, takes }) => [name, takes])).toEqual([
    ['file(a.ndjson)', 'outputs'],
    ['memory', 'outputs'],
    ['memory', 'dead-letters'],
  ])
  expect(report.hops.filter(({ hop }) => hop === 'sink')).toHaveLength(3)
  expect(guaranteeText(report).replaceAll(/\s+/g, ' ')).toContain(
    'One commit covers all 3 sinks: after a crash each of them has what was committed',
  )
})
