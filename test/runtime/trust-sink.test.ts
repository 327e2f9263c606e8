// Where sink and directory disagree: going on from what the sink has, over each transactional sink there is.
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { file, memorySource, open, pipeline, type Sink } from 'semel'
import { inspectDirectory, trustSink, type ShardTrust } from 'semel/directory'
import { sqlite } from 'semel/sqlite'
import { memoryTransactional } from 'semel/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Database } from '../connectors/sqlite/database.js'
import { scratch, small } from './verbs.js'

interface Row {
  readonly id: number
}

/** A sink, what a reader of it sees, and a way to put it back to an older state. */
interface World {
  readonly sink: Sink<Row, 'transactional'>
  ids(): number[]
  keep(): void
  putBack(): void
}

async function inMemory(): Promise<World> {
  const store = await memoryTransactional()
  onTestFinished(() => store.close())
  return {
    sink: store.sink,
    ids: () => store.outputs().map((row) => (row as Row).id),
    keep: () => {},
    putBack: () => store.drop({ epochs: true }),
  }
}

async function inSqlite(): Promise<World> {
  const path = join(scratch(), 'rows.db')
  const make = new Database(path)
  make.exec('CREATE TABLE rows (id INTEGER)')
  make.close()
  const reader = (): number[] => {
    const db = new Database(path)
    const rows = db.prepare('SELECT id FROM rows').all() as Row[]
    db.close()
    return rows.map(({ id }) => id)
  }
  const checkpoint = (): void => {
    const db = new Database(path)
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.pragma('journal_mode = DELETE')
    db.close()
  }
  return {
    sink: sqlite<Row>(path, { table: 'rows' }),
    ids: reader,
    keep: () => {
      checkpoint()
      cpSync(path, `${path}.kept`)
    },
    putBack: () => {
      for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
      cpSync(`${path}.kept`, path)
    },
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, id) => id)
const rowsTo = (count: number): Row[] => upTo(count).map((id) => ({ id }))
const sorted = (ids: readonly number[]): number[] => ids.toSorted((a, b) => a - b)

describe.each([
  ['the reference sink', inMemory],
  ['SQLite', inSqlite],
] as const)('over %s', (name, make) => {
  describe.each([
    ['by id', true],
    ['by position', false],
  ] as const)('%s', (_, byId) => {
    function definitionOf(world: World) {
      const accepted = pipeline('rows').accepts<Row>()
      return (
        byId
          ? accepted.deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
          : accepted.deliver('exactly-once', { by: 'position' })
      )
        .keyBy(({ id }) => id % 7)
        .to(world.sink)
    }

    /** Reads all that there is, as far as it was not read. */
    async function live(world: World, dir: string, count: number): Promise<void> {
      const stream = await open<Row>(definitionOf(world) as never, options(dir))
      await stream.consume(memorySource(rowsTo(count)) as never)
      await stream.drain()
      await stream.close()
    }

    const options = (dir: string) => ({
      ...small,
      dir,
      workers: 0,
      shards: 3,
      durability: 'process' as const,
      ...(byId ? {} : { journal: false }),
    })

    const trusted = (world: World, dir: string, dryRun = false) =>
      trustSink(dir, definitionOf(world) as never, { dryRun })

    async function refusedWith(world: World, dir: string, code: string): Promise<void> {
      await expect(open(definitionOf(world) as never, options(dir))).rejects.toMatchObject({ code })
    }

    test('an older backup is put back, and the stream goes on', async () => {
      const world = await make()
      const dir = join(scratch(), 'data')
      await live(world, dir, 100)
      cpSync(dir, `${dir}.backup`, { recursive: true })
      await live(world, dir, 260)
      rmSync(dir, { recursive: true })
      cpSync(`${dir}.backup`, dir, { recursive: true })
      await refusedWith(world, dir, 'SEMEL_SINK_AHEAD')

      const plan = await trusted(world, dir, true)
      await refusedWith(world, dir, 'SEMEL_SINK_AHEAD')
      expect(plan.shards.map(({ standing }) => standing)).toEqual(['ahead', 'ahead', 'ahead'])
      const done = await trusted(world, dir)
      expect(done).toEqual({ ...plan, originals: 'before-repair-1' })
      // What it says is lost is what has ended since.
      expect(countOf(done.shards, 'forgotten')).toBe(byId ? 160 : 0)
      expect(countOf(done.shards, 'lost') + countOf(done.shards, 'parkedDropped')).toBe(0)
      expect(done.shards.map(({ through }) => through).reduce((a, b) => a + b)).toBe(260)

      await live(world, dir, 300)
      expect(sorted(world.ids())).toEqual(upTo(300))
      expect(await trusted(world, dir)).toMatchObject({ steps: [], originals: '' })
      await live(world, dir, 310)
      expect(sorted(world.ids())).toEqual(upTo(310))
    })

    test('a new, empty directory goes on from an old sink', async () => {
      const world = await make()
      const old = join(scratch(), 'old')
      await live(world, old, 150)
      const dir = join(scratch(), 'new')
      await expect(trusted(world, dir)).rejects.toMatchObject({ code: 'SEMEL_FORMAT' })
      await refusedWith(world, dir, 'SEMEL_SINK_TAKEN')
      const report = await trusted(world, dir)
      expect(report.refusals).toEqual([])
      expect(report.shards.map(({ standing }) => standing)).toEqual(['other', 'other', 'other'])
      await live(world, dir, 200)
      expect(sorted(world.ids())).toEqual(upTo(200))
      expect(await trusted(world, dir)).toMatchObject({ steps: [], refusals: [] })
      // Its predecessor is fenced.
      await refusedWith(world, old, 'SEMEL_SINK_AHEAD')
      expect(
        inspectDirectory(dir)
          .shards.map(({ stored }) => stored)
          .reduce((a, b) => a + b),
      ).toBe(200)
    })

    test('a directory with a history of its own, and one with fewer shards, are refused', async () => {
      const world = await make()
      const own = join(scratch(), 'own')
      await live(world, own, 20)
      const other = await make()
      await live(other, join(scratch(), 'other'), 20)
      const report = await trusted(other, own)
      expect(report).toMatchObject({ steps: [], originals: '' })
      expect(report.refusals[0]).toContain('history of its own')
      await live(world, own, 30)
      expect(sorted(world.ids())).toEqual(upTo(30))

      const fewer = join(scratch(), 'fewer')
      const opening = open(definitionOf(world) as never, { ...options(fewer), shards: 2 })
      await expect(opening).rejects.toMatchObject({ code: 'SEMEL_SINK_TAKEN' })
      expect((await trusted(world, fewer)).refusals[0]).toContain('more shards than the 2')
    })

    test('a sink that was put back is given again what it has lost', async () => {
      const world = await make()
      const dir = join(scratch(), 'data')
      if (name === 'SQLite') await live(world, dir, 80)
      world.keep()
      await live(world, dir, 170)
      world.putBack()
      expect(sorted(world.ids())).toEqual(upTo(name === 'SQLite' ? 80 : 0))
      await refusedWith(world, dir, 'SEMEL_SINK_BEHIND')
      const report = await trusted(world, dir)
      const again = name === 'SQLite' ? 90 : 170
      expect(countOf(report.shards, byId ? 'deliveredAgain' : 'lost')).toBe(again)
      await live(world, dir, 200)
      expect(sorted(world.ids())).toEqual(upTo(200))
      expect(await trusted(world, dir)).toMatchObject({ steps: [], refusals: [] })
    })

    test('where the two agree nothing is done', async () => {
      const world = await make()
      const dir = join(scratch(), 'data')
      await live(world, dir, 10)
      expect(await trusted(world, dir)).toMatchObject({ steps: [], refusals: [], originals: '' })
      await live(world, dir, 20)
      expect(sorted(world.ids())).toEqual(upTo(20))
    })
  })
})

function countOf(
  shards: readonly ShardTrust[],
  what: 'forgotten' | 'lost' | 'parkedDropped' | 'deliveredAgain',
): number {
  const ranges = shards.flatMap((shard) => shard[what])
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}

test('ids are known still, but for those that it says are forgotten', async () => {
  const world = await inMemory()
  const definition = pipeline('rows')
    .accepts<Row>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .to(world.sink)
  const dir = join(scratch(), 'data')
  const options = {
    ...small,
    dir,
    workers: 0,
    durability: 'process' as const,
    acknowledge: 'processed' as const,
  }
  const sendAll = async (...ids: number[]): Promise<string[]> => {
    const stream = await open(definition, options)
    const outcomes = []
    for (const id of ids) outcomes.push((await stream.send({ id })).outcome as string)
    await stream.close()
    return outcomes
  }
  await sendAll(0, 1, 2)
  cpSync(dir, `${dir}.backup`, { recursive: true })
  await sendAll(3, 4)
  rmSync(dir, { recursive: true })
  cpSync(`${dir}.backup`, dir, { recursive: true })
  const { shards } = await trustSink(dir, definition)
  expect(shards[0]?.forgotten).toEqual([{ first: 4, last: 5 }])
  expect(await sendAll(2, 4, 5)).toEqual(['duplicate', 'processed', 'processed'])
  expect(world.ids()).toEqual([0, 1, 2, 3, 4, 4, 5])
})

test('an epoch that the sink has lost is raised above what the directory knows', async () => {
  const path = join(scratch(), 'rows.db')
  const db = new Database(path)
  onTestFinished(() => db.close())
  db.exec('CREATE TABLE rows (id INTEGER)')
  const definition = pipeline('rows')
    .accepts<Row>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .to(sqlite<Row>(path, { table: 'rows' }))
  const dir = join(scratch(), 'data')
  const options = { ...small, dir, workers: 0, durability: 'process' as const }
  for (const id of [1, 1, 1, 1, 1]) {
    const stream = await open(definition, options)
    await stream.send({ id })
    await stream.close()
  }
  db.exec('UPDATE semel_commits SET epoch = commit_epoch')
  await expect(open(definition, options)).rejects.toMatchObject({ code: 'SEMEL_SINK_BEHIND' })
  expect(await trustSink(dir, definition)).toMatchObject({ steps: [], refusals: [] })
  const stream = await open(definition, options)
  await stream.send({ id: 2 })
  await stream.close()
  expect(db.prepare('SELECT id FROM rows').all()).toEqual([{ id: 1 }, { id: 2 }])
})

test('a pipeline without a transactional sink under exactly-once has nothing to go on from', async () => {
  const world = await inMemory()
  const definition = pipeline('rows').accepts<Row>().deliver('at-least-once').to(world.sink)
  await expect(trustSink(scratch(), definition)).rejects.toMatchObject({
    code: 'SEMEL_INVALID_ARGUMENT',
    message: expect.stringContaining('at-least-once'),
  })
})

test.each([
  ['put back to an older copy is followed by the file beside it', 'sink'],
  ['ahead of an older directory leaves the file beside it what it has', 'directory'],
] as const)('a sink %s', async (_, older) => {
  const world = await inSqlite()
  const dir = join(scratch(), 'data')
  const path = join(scratch(), 'rows.ndjson')
  const definition = pipeline('rows')
    .accepts<Row>()
    .deliver('exactly-once', { id: ({ id }) => id, window: '1h' })
    .to(file(path), world.sink)
  const send = async (from: number, to: number): Promise<void> => {
    const stream = await open(definition, { dir, workers: 0, shards: 1, ...small })
    for (let id = from; id < to; id++) await stream.send({ id })
    await stream.drain()
    await stream.close()
  }
  await send(0, 3)
  world.keep()
  cpSync(dir, `${dir}.kept`, { recursive: true })
  await send(3, 5)
  if (older === 'sink') world.putBack()
  else {
    rmSync(dir, { recursive: true })
    cpSync(`${dir}.kept`, dir, { recursive: true })
  }
  await expect(open(definition, { dir, workers: 0, shards: 1, ...small })).rejects.toThrow(/sink/)
  await trustSink(dir, definition)
  await send(5, 7)
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  const ids = sorted(lines.map((line) => (JSON.parse(line) as Row).id))
  expect(ids).toEqual(sorted(world.ids()))
  // Of the sink that was put back the journal may still have what it has lost.
  expect(ids.filter((id) => id < 3 || id > 4)).toEqual([0, 1, 2, 5, 6])
  if (older === 'directory') expect(ids).toEqual(upTo(7))
})
