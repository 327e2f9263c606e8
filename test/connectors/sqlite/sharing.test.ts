import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { positionAt } from 'semel/testing'
import { committing, connect, database, scratch, thrownBy, type Plain } from './database.js'

const built = (name: string): string =>
  JSON.stringify(new URL(`../../../dist/${name}`, import.meta.url).href)

/**
 * Commits rows to a shard, numbered on from what the sink holds, until it is killed or has made so many
 * commits; after a refusal it begins again. It prints what was answered.
 */
const program = `
import { workerData } from 'node:worker_threads'
import { sqlite } from ${built('connectors/sqlite/index.js')}
const [path, shard, commits] = workerData ?? process.argv.slice(2)
const sink = sqlite(path, { table: 'rows', busyTimeout: '20s' })
const rows = 7
for (let left = Number(commits); left > 0;) {
  const connection = await sink.connect({
    pipeline: 'test', shard: Number(shard), shards: 4, epoch: 1, durability: 'process',
  })
  try {
    let { epoch, last: parent } = await connection.begin('A')
    for (; left > 0; left--) {
      const n = (parent?.n ?? 0) + 1
      const outputs = Array.from({ length: rows }, (_, at) => ({
        value: { shard: Number(shard), number: (n - 1) * rows + at }, origin: {},
      }))
      const id = { lineage: 'A', epoch, n }
      await connection.commit(outputs, { id, parent, through: n, positions: Uint8Array.of(n) })
      if (workerData === null) process.stdout.write(n + '\\n')
      parent = id
    }
  } catch (thrown) {
    if (thrown.name !== 'CommitRefused') throw thrown
  }
  await connection.close()
}
`

function programFile(): string {
  const path = join(scratch(), 'program.mjs')
  writeFileSync(path, program)
  return path
}

interface Ended {
  /** The last commit that was answered. */
  readonly answered: number
  readonly errors: string
}

/** Runs it in a process, which is killed after so long where it has not ended. */
function run(
  file: string,
  path: string,
  shard: number,
  commits: number,
  killMs?: number,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, path, String(shard), String(commits)])
    let out = ''
    let errors = ''
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
    child.stdout.on('data', (data: Buffer) => {
      // From its first commit on, so that it is killed at work.
      if (out === '' && killMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killMs)
      out += data.toString()
    })
    child.on('close', () => {
      resolve({ answered: Number(out.split('\n').at(-2) ?? 0), errors })
    })
  })
}

/** Each row once, without a gap, and a whole number of commits. */
function expectWhole(db: Plain, shard: number, answered: number): number {
  const rows = db
    .prepare('SELECT number FROM rows WHERE shard = ? ORDER BY number')
    .all(shard) as readonly { readonly number: number }[]
  expect(rows.map(({ number }) => number)).toEqual(Array.from(rows, (_, at) => at))
  const { n } = db
    .prepare("SELECT n FROM semel_commits WHERE pipeline = 'test' AND shard = ?")
    .get(shard) as { n: number }
  expect(rows.length).toBe(n * 7)
  expect(n).toBeGreaterThanOrEqual(answered)
  return n
}

const made = 'CREATE TABLE rows (shard INTEGER, number INTEGER)'

describe('a database that is shared', () => {
  test('loses nothing and has nothing twice, however often two processes are killed', async () => {
    const { path, db } = database(made)
    const file = programFile()
    let killed = 0
    await Promise.all(
      [0, 1].map(async (shard) => {
        let answered = 0
        for (let life = 0; life < 8; life++) {
          const ended = await run(file, path, shard, 100_000, 3 + life * 7)
          expect(ended.errors).toBe('')
          answered = Math.max(answered, ended.answered)
          expectWhole(db, shard, answered)
          killed += 1
        }
      }),
    )
    expect(killed).toBe(16)
    expect(db.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }])
  })

  test('takes turns between processes that take one shard from each other', async () => {
    const { path, db } = database(made)
    const file = programFile()
    const ends = await Promise.all([0, 0, 0].map((shard) => run(file, path, shard, 60)))
    expect(ends.map(({ errors }) => errors)).toEqual(['', '', ''])
    expect(expectWhole(db, 0, 60)).toBe(180)
  })

  test('is shared by worker threads', async () => {
    const { path, db } = database(made)
    const file = programFile()
    await Promise.all(
      [0, 1, 2, 3].map(
        (shard) =>
          new Promise((resolve, reject) => {
            const worker = new Worker(file, { workerData: [path, shard, 40] })
            worker.once('error', reject).once('exit', resolve)
          }),
      ),
    )
    for (const shard of [0, 1, 2, 3]) expect(expectWhole(db, shard, 40)).toBe(40)
  })

  test('is free for another lineage once its commits are forgotten, and no epoch is given twice', async () => {
    const { path, db } = database('CREATE TABLE bars (id)')
    const commit = await committing(path, { table: 'bars' })
    await commit({ id: 1 })
    const other = await connect(path, { table: 'bars' })
    expect(await other.begin('B')).toEqual({ epoch: 1, last: { lineage: 'A', epoch: 1, n: 1 } })
    db.exec(`UPDATE semel_commits SET lineage = NULL, commit_epoch = NULL, n = NULL
      WHERE pipeline = 'test'`)
    expect(await other.begin('B')).toEqual({ epoch: 2, last: undefined })
    expect(await thrownBy(() => commit({ id: 2 }))).toMatchObject({ name: 'CommitRefused' })
  })

  test('is waited for while others hold its lock, and the thread goes on meanwhile', async () => {
    const { path, db } = database('CREATE TABLE bars (id)')
    const commit = await committing(path, { table: 'bars' })
    db.exec('BEGIN IMMEDIATE')
    let turns = 0
    const ticking = setInterval(() => turns++, 5)
    const committed = commit({ id: 1 })
    await new Promise((resolve) => setTimeout(resolve, 150))
    db.exec('COMMIT')
    await committed
    clearInterval(ticking)
    expect(turns).toBeGreaterThan(5)
    expect(db.prepare('SELECT id FROM bars').all()).toEqual([{ id: 1 }])
  })

  test('is unavailable after busyTimeout, and nothing was done', async () => {
    const { path, db } = database('CREATE TABLE bars (id)')
    const connection = await connect(path, { table: 'bars', busyTimeout: '60ms' })
    db.exec('BEGIN IMMEDIATE')
    const thrown = await thrownBy(() => connection.write([{ id: 1 }], positionAt(1)))
    expect(thrown).toMatchObject({ code: 'SEMEL_UNAVAILABLE', retriable: true })
    expect(thrown.message).toMatch(/database is locked; another connection has held its lock/)
    db.exec('ROLLBACK')
    await connection.write([{ id: 2 }], positionAt(1))
    expect(db.prepare('SELECT id FROM bars').all()).toEqual([{ id: 2 }])
  })

  test('does not hold up a reader, nor the reader it', async () => {
    const { path, db } = database('CREATE TABLE bars (id)')
    const commit = await committing(path, { table: 'bars' })
    await commit({ id: 1 })
    db.exec('BEGIN')
    expect(db.prepare('SELECT count(*) AS count FROM bars').get()).toEqual({ count: 1 })
    await commit({ id: 2 })
    expect(db.prepare('SELECT count(*) AS count FROM bars').get()).toEqual({ count: 1 })
    db.exec('COMMIT')
    expect(db.prepare('SELECT count(*) AS count FROM bars').get()).toEqual({ count: 2 })
  })
})
