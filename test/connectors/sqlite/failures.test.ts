import { execFileSync } from 'node:child_process'
import { mkdirSync, openSync, closeSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { loadDriver, missingBinary } from '../../../src/connectors/sqlite/driver.js'
import { committing, connect, Database, database, scratch, thrownBy } from './database.js'
import { positionAt } from 'semel/testing'

const position = positionAt(1)

const mounted: string[] = []
afterEach(() => {
  for (const folder of mounted.splice(0)) execFileSync('umount', ['-l', folder])
})

/** A file system of this size; undefined where this user may not mount one. */
function small(size: string): string | undefined {
  const folder = join(scratch(), 'small')
  mkdirSync(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', folder], {
      stdio: 'ignore',
    })
  } catch {
    return undefined
  }
  mounted.push(folder)
  return folder
}

describe('a failure of the database', () => {
  test('that is a full disk is no row’s, and it goes on when there is space', async (context) => {
    const folder = small('2m')
    if (folder === undefined) return context.skip('only root may mount a file system')
    const { path, db } = database(
      'CREATE TABLE bars (id INTEGER, bytes BLOB)',
      join(folder, 'x.db'),
    )
    const commit = await committing(path, { table: 'bars' })
    await commit({ id: 1, bytes: null })
    const filler = join(folder, 'filler')
    writeFileSync(filler, Buffer.alloc(1_000_000))
    const thrown = await thrownBy(() => commit({ id: 2, bytes: Buffer.alloc(3_000_000) }))
    expect(thrown).toMatchObject({ code: 'SEMEL_NO_SPACE', retriable: true })
    const connection = await connect(path, { table: 'bars' })
    expect((await connection.last())?.id.n).toBe(1)
    rmSync(filler)
    await connection.write([{ id: 3, bytes: Buffer.alloc(100_000) }], position)
    expect(db.prepare('SELECT id FROM bars').all()).toEqual([{ id: 1 }, { id: 3 }])
    db.close()
  })

  test('that may not be written is told with its remedy', async (context) => {
    const folder = small('2m')
    if (folder === undefined) return context.skip('only root may mount a file system')
    const { path, db } = database('CREATE TABLE bars (id)', join(folder, 'x.db'))
    db.close()
    execFileSync('mount', ['-o', 'remount,ro', folder])
    const thrown = await thrownBy(() => connect(path, { table: 'bars' }))
    expect(thrown).toMatchObject({ code: 'SEMEL_READ_ONLY' })
    expect(thrown.message).toMatch(/let this user write to it and to its directory/)
  })

  test('that is damage is no row’s', async () => {
    const { path, db } = database('CREATE TABLE bars (id INTEGER PRIMARY KEY, text TEXT)')
    const connection = await connect(path, { table: 'bars', journal: 'keep' })
    const text = 'x'.repeat(1000)
    await connection.write(
      Array.from({ length: 200 }, (_, id) => ({ id, text })),
      position,
    )
    await connection.close()
    db.close()
    const file = openSync(path, 'r+')
    const noise = Buffer.alloc(statSync(path).size - 4096, 0xa5)
    writeSync(file, noise, 0, noise.length, 4096)
    closeSync(file)
    const thrown = await thrownBy(async () => {
      const again = await connect(path, { table: 'bars', journal: 'keep' })
      await again.write([{ id: 1000, text }], position)
    })
    expect(thrown).toMatchObject({ code: 'SEMEL_SINK' })
    expect(thrown.message).toMatch(/it is damaged, or no database/)
  })

  test('that is a dropped table of commits is told, and beginning makes another', async () => {
    const { path, db } = database('CREATE TABLE bars (id)')
    const commit = await committing(path, { table: 'bars' })
    await commit({ id: 1 })
    db.exec('DROP TABLE semel_commits')
    expect(await thrownBy(() => commit({ id: 2 }))).toMatchObject({ code: 'SEMEL_SINK' })
    const connection = await connect(path, { table: 'bars' })
    expect(await connection.begin('A')).toEqual({ epoch: 1, last: undefined })
    expect(db.prepare('SELECT id FROM bars').all()).toEqual([{ id: 1 }])
  })
})

describe('better-sqlite3', () => {
  test('is asked for where it is not installed', async () => {
    const thrown = await thrownBy(() => loadDriver('better-sqlite3-that-is-not-there'))
    expect(thrown).toMatchObject({
      code: 'SEMEL_MISSING_PEER',
      message:
        'writing to SQLite takes the package better-sqlite3; install it: npm install better-sqlite3',
    })
  })

  test('is asked for where it has no binary', () => {
    const found = missingBinary(new Error('Could not locate the bindings file. Tried:\n → …'))
    expect(found?.code).toBe('SEMEL_MISSING_PEER')
    expect(found?.message).toMatch(/npm rebuild better-sqlite3/)
    expect(missingBinary(new Error('disk I/O error'))).toBe(undefined)
  })
})

/** How often something was changed only to have it synced. */
function flushes(path: string): number {
  const db = new Database(path)
  try {
    return (db.prepare('SELECT flushes FROM semel_layout').get() as { flushes: number }).flushes
  } finally {
    db.close()
  }
}

describe('durability', () => {
  test.each([
    ['disk', undefined, 0],
    ['disk', 'normal', 1],
    ['process', undefined, 1],
    ['process', 'full', 0],
    [{ interval: '1s' }, undefined, 1],
  ] as const)(
    'at %o and synchronous %s a flush syncs what is not synced',
    async (durability, synchronous, due) => {
      const { path } = database('CREATE TABLE bars (id)')
      const options = { table: 'bars', ...(synchronous && { synchronous }) } as const
      const connection = await connect(path, options, { durability: durability as never })
      await connection.flush?.()
      expect(flushes(path)).toBe(0)
      await connection.write([{ id: 1 }], position)
      await connection.flush?.()
      await connection.flush?.()
      expect(flushes(path)).toBe(due)
    },
  )
})
