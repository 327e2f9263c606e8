import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  file,
  fileSource,
  iterableSource,
  open,
  pipeline,
  type Definition,
  type FileOptions,
  type OpenOptions,
} from 'semel'
import { expect, onTestFinished, test } from 'vitest'
import { fixture, opened, pushAll, scratch, small } from './verbs.js'

interface Row {
  readonly id: number
}

function rows(to: string, options?: FileOptions, name = 'rows'): Definition<Row> {
  return pipeline(name)
    .accepts<Row>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .to(file(to, options))
}

const ids = (path: string): number[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as Row).id)

const upTo = (from: number, to: number): Row[] =>
  Array.from({ length: to - from }, (_, i) => ({ id: from + i }))

/** One life of a stream: it takes these rows and is closed. */
async function live(
  definition: Definition<Row>,
  dir: string,
  from: number,
  to: number,
  more: OpenOptions = {},
): Promise<void> {
  const stream = await open(definition, {
    ...small,
    dir,
    workers: 0,
    durability: 'process',
    ...more,
  })
  try {
    await pushAll(stream, upTo(from, to))
    await stream.drain({ timeout: 5000 })
  } finally {
    await stream.close()
  }
}

test.each(['its name', 'a link', 'a hard link', 'a link to its directory'])(
  'a file that one stream writes is refused to another by %s, until that is closed',
  async (how) => {
    const dir = scratch()
    const path = join(dir, 'out.ndjson')
    const first = await opened(rows(path), { ...small, dir: join(dir, 'a'), workers: 0 })
    const name = join(dir, how)
    if (how === 'a link') symlinkSync(path, name)
    if (how === 'a hard link') linkSync(path, name)
    if (how === 'a link to its directory') symlinkSync(dir, name)
    const at =
      how === 'its name'
        ? path
        : how === 'a link to its directory'
          ? join(name, 'out.ndjson')
          : name
    const second = rows(at, {}, 'second')
    await expect(live(second, join(dir, 'b'), 100, 103)).rejects.toMatchObject({
      code: 'SEMEL_LOCKED',
    })
    await pushAll(first, upTo(0, 5))
    await first.drain({ timeout: 5000 })
    await first.close()
    await live(second, join(dir, 'b'), 100, 103)
    expect(ids(path)).toEqual([0, 1, 2, 3, 4, 100, 101, 102])
  },
)

test('two shards of a stream never write one file', async () => {
  const dir = scratch()
  writeFileSync(join(dir, 'out-0.ndjson'), '')
  symlinkSync('out-0.ndjson', join(dir, 'out-1.ndjson'))
  const definition = rows(join(dir, 'out.ndjson'))
  await expect(live(definition, join(dir, 'data'), 0, 1, { shards: 2 })).rejects.toMatchObject({
    code: 'SEMEL_LOCKED',
  })
})

test.each(['name', 'link'])(
  'a stream does not read the file that it writes, given by its %s',
  async (how) => {
    const dir = scratch()
    const path = join(dir, 'rows.ndjson')
    writeFileSync(path, '{"id":1}\n{"id":2}\n')
    symlinkSync(path, join(dir, 'link.ndjson'))
    const stream = await opened(rows(path), { ...small, dir: join(dir, 'data'), workers: 0 })
    const source = fileSource<Row>(how === 'name' ? path : join(dir, 'link.ndjson'))
    await expect(stream.consume(source)).rejects.toMatchObject({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringContaining(`file(${path})`) as string,
    })
    await stream.consume(iterableSource(upTo(7, 9)))
    await stream.drain({ timeout: 5000 })
    expect(ids(path)).toEqual([1, 2, 7, 8])
  },
)

test('relative paths start where the stream was opened, for a later worker too', async () => {
  const dir = scratch()
  const before = process.cwd()
  onTestFinished(() => process.chdir(before))
  mkdirSync(join(dir, 'elsewhere'))
  process.chdir(dir)
  const url = fixture('orders.pipeline', {
    to: 'out.ndjson',
    delivery: 'exactly-once',
    how: 'sync',
    die: 3,
    by: 'throw',
  })
  const stream = await opened<{ id: number; key: string }>(url, {
    ...small,
    dir: 'data',
    workers: 1,
    durability: 'process',
  })
  process.chdir('elsewhere')
  await pushAll(stream, [1, 2, 3, 4].map((id) => ({ id, key: 'k' })) as never)
  await stream.drain({ timeout: 10_000 })
  await stream.close()
  expect(ids(join(dir, 'out.ndjson'))).toEqual([1, 2, 3, 4])
  expect(readdirSync(join(dir, 'elsewhere'))).toEqual(['out.ndjson.died'])
})

test('what others append after a kill stays, and outputs go on behind it', async () => {
  const dir = scratch()
  const path = join(dir, 'out.ndjson')
  const program = `
    import { file, open, pipeline } from 'semel'
    const stream = await open(
      pipeline('rows').accepts()
        .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
        .to(file(${JSON.stringify(path)})),
      { ring: '64KiB', segment: '1MiB', dir: ${JSON.stringify(join(dir, 'data'))}, workers: 0, durability: 'process' })
    for (const id of [0, 1, 2]) stream.push({ id })
    await stream.drain()
    process.kill(process.pid, 'SIGKILL')`
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program])
  expect(signal).toBe('SIGKILL')
  appendFileSync(path, '{"id":77}\n{"id":78}')
  await live(rows(path), join(dir, 'data'), 2, 5)
  expect(ids(path)).toEqual([0, 1, 2, 77, 78, 3, 4])
})

test('goes on in a new file where the old one was moved aside, and behind another path', async () => {
  const dir = scratch()
  const data = join(dir, 'data')
  const path = join(dir, 'out.ndjson')
  await live(rows(path), data, 0, 3)
  renameSync(path, join(dir, 'out.ndjson.1'))
  await live(rows(path), data, 3, 5)
  writeFileSync(join(dir, 'other.ndjson'), '{"id":900}\n{"id":901}')
  await live(rows(join(dir, 'other.ndjson')), data, 4, 7)
  await live(rows(path), data, 7, 9)
  expect(ids(join(dir, 'out.ndjson.1'))).toEqual([0, 1, 2])
  expect(ids(path)).toEqual([3, 4, 7, 8])
  expect(ids(join(dir, 'other.ndjson'))).toEqual([900, 901, 5, 6])
})

test('a file that is deleted while it is written to ends the stream, and nothing is taken for done', async () => {
  const dir = scratch()
  const path = join(dir, 'out.ndjson')
  const stream = await opened(rows(path), {
    ...small,
    dir: join(dir, 'data'),
    workers: 0,
    durability: 'process',
  })
  await pushAll(stream, upTo(0, 3))
  await stream.drain({ timeout: 5000 })
  rmSync(path)
  // It looks every few milliseconds.
  await new Promise((resolve) => {
    setTimeout(resolve, 20)
  })
  const failed = new Promise((resolve) => {
    stream.on('failed', resolve)
  })
  await pushAll(stream, upTo(3, 5))
  expect(await failed).toMatchObject({ code: 'SEMEL_SINK_BEHIND' })
  expect(stream.counters().processed).toBe(3)
  await stream.close()
  await expect(live(rows(path), join(dir, 'data'), 5, 6)).rejects.toMatchObject({
    code: 'SEMEL_SINK_BEHIND',
    message: expect.stringContaining(path) as string,
  })
})

test('full files and the last one hold all outputs, in the order of their names', async () => {
  const dir = scratch()
  const data = join(dir, 'data')
  const definition = rows(join(dir, 'out.ndjson'), { rotate: { size: 700 } })
  for (let i = 0; i < 5; i++) await live(definition, data, i * 60, i * 60 + 60)
  const names = readdirSync(dir).filter((name) => name.startsWith('out.'))
  expect(names.length).toBeGreaterThan(3)
  const full = names.filter((name) => name !== 'out.ndjson').toSorted()
  expect(full[0]).toBe('out.000001.ndjson')
  const all = [...full, 'out.ndjson'].flatMap((name) => ids(join(dir, name)))
  expect(all).toEqual(upTo(0, 300).map(({ id }) => id))
})

test('only as many full files are kept as are asked for', async () => {
  const dir = scratch()
  const definition = rows(join(dir, 'out.ndjson'), { rotate: { size: 1, keep: 2 } })
  for (let i = 0; i < 6; i++) await live(definition, join(dir, 'data'), i, i + 1)
  const full = readdirSync(dir).filter((name) => /\d{6}/.test(name))
  expect(full.toSorted()).toEqual(['out.000004.ndjson', 'out.000005.ndjson'].slice(-2))
})

function writingTo(path: string) {
  return pipeline('own').accepts<number>().deliver('at-least-once').to(file(path))
}

test.each(['stream', 'sources', 'shard-0/journal', 'sink-7'])(
  "a sink is refused a file of the stream's own directory: %s",
  async (name) => {
    const dir = scratch()
    const options = { dir, workers: 0, durability: 'process' } as const
    const stream = await open(writingTo(join(dir, 'out.ndjson')), options)
    await stream.send(1)
    await stream.close()
    const path = join(dir, name)
    const content = (): string => (existsSync(path) ? readFileSync(path, 'latin1') : 'none')
    const before = content()
    await expect(open(writingTo(path), options)).rejects.toThrow(/own directory/)
    expect(content() === before).toBe(true)
    const again = await open(writingTo(join(dir, 'out.ndjson')), options)
    await again.close()
  },
)

/** Of one stream: a copy goes to each. */
function copies(...paths: readonly string[]): Definition<Row> {
  const [first, ...others] = paths.map((path) => file(path))
  return pipeline('copies')
    .accepts<Row>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .to(first as ReturnType<typeof file>, ...others)
}

test.each(['its name', 'another name', 'a hard link'])(
  'two sinks of a stream never write one file, by %s',
  async (how) => {
    const dir = scratch()
    const path = join(dir, 'out.ndjson')
    const same = how === 'its name' ? path : join(dir, 'x', '..', 'same.ndjson')
    if (how === 'another name') symlinkSync('out.ndjson', join(dir, 'same.ndjson'))
    writeFileSync(path, '')
    if (how === 'a hard link') linkSync(path, join(dir, 'same.ndjson'))
    await expect(live(copies(path, same), join(dir, 'data'), 0, 3)).rejects.toMatchObject({
      code: 'SEMEL_LOCKED',
      message: expect.stringContaining('another sink of this stream') as string,
    })
    const letters = rowsWithLetters(path, same)
    await expect(live(letters, join(dir, 'letters'), 0, 3)).rejects.toMatchObject({
      code: 'SEMEL_LOCKED',
    })
    await live(copies(path, join(dir, 'other.ndjson')), join(dir, 'data'), 0, 3)
    expect(ids(path)).toEqual([0, 1, 2])
  },
)

function rowsWithLetters(to: string, letters: string): Definition<Row> {
  return pipeline('letters')
    .accepts<Row>()
    .deliver('at-least-once')
    .deadLetters(file(letters))
    .to(file(to))
}

test('sinks that change places keep their files to themselves', async () => {
  const dir = scratch()
  const [a, b] = [join(dir, 'a.ndjson'), join(dir, 'b.ndjson')]
  await live(copies(a, b), join(dir, 'data'), 0, 3)
  const options = { ...small, dir: join(dir, 'data'), workers: 0, durability: 'process' } as const
  const stream = await opened(copies(b, a), options)
  for (const path of [a, b]) {
    await expect(live(rows(path), join(dir, 'rows'), 100, 103)).rejects.toMatchObject({
      code: 'SEMEL_LOCKED',
    })
  }
  await pushAll(stream, upTo(3, 5))
  await stream.drain({ timeout: 5000 })
  expect([ids(a), ids(b)]).toEqual([
    [0, 1, 2, 3, 4],
    [0, 1, 2, 3, 4],
  ])
})

test('sinks that change places after a kill go on', async () => {
  const dir = scratch()
  const [a, b] = [join(dir, 'a.ndjson'), join(dir, 'b.ndjson')]
  const program = `
    import { file, open, pipeline } from 'semel'
    let taken = 0
    const last = Object.freeze({ name: 'last', kind: 'rewindable', connect: () => ({
      write: (rows) => {
        if (rows.some(({ id }) => id >= 3)) process.kill(process.pid, 'SIGKILL')
        taken += rows.length
      },
      rewind: (place) => { taken = place ?? 0 },
      place: () => taken,
      close() {},
    }) })
    const stream = await open(
      pipeline('copies').accepts()
        .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
        .to(file(${JSON.stringify(a)}), file(${JSON.stringify(b)}), last),
      { ring: '64KiB', segment: '1MiB', dir: ${JSON.stringify(join(dir, 'data'))}, workers: 0, durability: 'process' })
    for (const id of [0, 1, 2]) stream.push({ id })
    await stream.drain()
    stream.push({ id: 3 })
    await stream.drain()`
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program])
  expect(signal).toBe('SIGKILL')
  expect([ids(a), ids(b)]).toEqual([
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ])
  for (const next of [4, 5]) await live(copies(b, a), join(dir, 'data'), next, next + 1)
  // What had no commit stays, since each begins anew: 3 is there twice.
  expect([ids(a), ids(b)]).toEqual([
    [0, 1, 2, 3, 3, 4, 5],
    [0, 1, 2, 3, 3, 4, 5],
  ])
})
