import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sqlite, type SqliteOptions } from 'semel/sqlite'
import { connect, database, scratch, thrownBy } from './database.js'
import { positionAt } from 'semel/testing'

const table = 'bars'

describe('sqlite() refuses', () => {
  test.each<[string, unknown, unknown]>([
    ['sqlite: undefined is not a path', undefined, { table }],
    ['sqlite: "" is not a path', '', { table }],
    ['sqlite: "a\\u0000b" is not a path', 'a\0b', { table }],
    ["sqlite: a database in memory is each connection's own", ':memory:', { table }],
    ['sqlite: there is neither a table nor a statement', 'a.db', undefined],
    ['sqlite: there is neither a table nor a statement', 'a.db', {}],
    ['sqlite: 5 is not an options object', 'a.db', 5],
    ['sqlite: there is no option "tables"', 'a.db', { tables: 'bars' }],
    ['sqlite: there are a table and a statement', 'a.db', { table, sql: 'DELETE FROM bars' }],
    ['sqlite.table: "" is not the text of a table', 'a.db', { table: '' }],
    ['sqlite.table: 5 is not', 'a.db', { table: 5 }],
    ['sqlite.sql: "SELECT 1" is no statement that changes rows', 'a.db', { sql: 'SELECT 1' }],
    ['sqlite.sql: "BEGIN" is no', 'a.db', { sql: 'BEGIN' }],
    ['sqlite.sql: "-- INSERT\\nCOMMIT" is no', 'a.db', { sql: '-- INSERT\nCOMMIT' }],
    ['sqlite.columns: a statement has', 'a.db', { sql: 'DELETE FROM b', columns: ['a'] }],
    ['sqlite.parameters: a table has columns', 'a.db', { table, parameters: () => [] }],
    ['sqlite.parameters: 5 is not a function', 'a.db', { sql: 'DELETE FROM b', parameters: 5 }],
    ['sqlite.columns: 5 names no columns', 'a.db', { table, columns: 5 }],
    ['sqlite.columns: there is none', 'a.db', { table, columns: [] }],
    ['sqlite.columns: "ID" is named twice', 'a.db', { table, columns: ['id', 'ID'] }],
    ['sqlite.columns: 5 is not the text of a column', 'a.db', { table, columns: [5] }],
    ['sqlite.columns.id: 5 is neither', 'a.db', { table, columns: { id: 5 } }],
    ['sqlite.synchronous: there is no "off"', 'a.db', { table, synchronous: 'off' }],
    ['sqlite.journal: there is no true', 'a.db', { table, journal: true }],
    ['sqlite.busyTimeout: "2h" is out of bounds', 'a.db', { table, busyTimeout: '2h' }],
    ['sqlite.busyTimeout: -1 is not a duration', 'a.db', { table, busyTimeout: -1 }],
  ])('%s', async (message, path, options) => {
    const thrown = await thrownBy(() => sqlite(path as string, options as SqliteOptions))
    expect(thrown).toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
    expect(thrown.message.replaceAll('\0', '\\u0000')).toContain(message)
  })
})

describe('connecting is refused', () => {
  test('where there is no database, and none is made', async () => {
    const path = join(scratch(), 'none.db')
    const thrown = await thrownBy(() => connect(path, { table }))
    expect(thrown).toMatchObject({
      code: 'SEMEL_SINK',
      message: `can't open ${path}: unable to open database file; create it with its table, or check the path`,
    })
    expect(existsSync(path)).toBe(false)
    const deeper = join(path, 'deeper.db')
    expect(await thrownBy(() => connect(deeper, { table }))).toMatchObject({ code: 'SEMEL_SINK' })
  })

  test.each([
    ['a folder', (path: string) => mkdirSync(path), /unable to open/],
    [
      'another kind of file',
      (path: string) => writeFileSync(path, 'no database'.repeat(500)),
      /damaged, or no database/,
    ],
  ])('where there is %s', async (_, make, message) => {
    const path = join(scratch(), 'x.db')
    make(path)
    const thrown = await thrownBy(() => connect(path, { table }))
    expect(thrown).toMatchObject({ code: 'SEMEL_SINK' })
    expect(thrown.message).toMatch(message)
  })

  test('where table, column or statement mean nothing to the database, which stays as it was', async () => {
    const { path, db } = database('CREATE TABLE other (id, twice AS (2 * id))')
    const messages = [
      [{ table }, `${path} has no table "bars"; create it, then open again`],
      [
        { table: 'other', columns: ['id', 'price'] },
        `${path}: the table "other" has no column "price" that takes values; it has id: add it, or name in columns what goes where`,
      ],
      [
        { table: 'other', columns: ['twice'] },
        `${path}: the table "other" has no column "twice" that takes values; it has id: add it, or name in columns what goes where`,
      ],
      [
        { sql: 'INSERT INTO bars VALUES (?)' },
        `${path} does not take the statement "INSERT INTO bars VALUES (?)": no such table: bars; create what it names, or mend it`,
      ],
      [
        { sql: 'DELETE FROM other; DELETE FROM other' },
        `${path} does not take the statement "DELETE FROM other; DELETE FROM other": The supplied SQL string contains more than one statement; create what it names, or mend it`,
      ],
      [
        { sql: 'DELETE FROM other RETURNING id' },
        `${path}: the statement "DELETE FROM other RETURNING id" answers rows; leave RETURNING out`,
      ],
      [
        { sql: 'INSERT INTO other (id) VALUES (@id + ?)' },
        `${path}: the statement "INSERT INTO other (id) VALUES (@id + ?)" has parameters with and without names; name all of them, or none`,
      ],
    ] as const
    for (const [options, message] of messages) {
      const thrown = await thrownBy(() => connect(path, options as SqliteOptions))
      expect(thrown).toMatchObject({ code: 'SEMEL_SINK', message })
    }
    expect(db.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'other' }])
    expect(db.pragma('journal_mode')).toEqual([{ journal_mode: 'delete' }])
  })

  test('where a newer version has made the table of commits, or another program one of that name', async () => {
    const { path, db } = database('CREATE TABLE bars (id)')
    await (await connect(path, { table })).close()
    db.exec('UPDATE semel_layout SET version = 3')
    expect(await thrownBy(() => connect(path, { table }))).toMatchObject({
      code: 'SEMEL_FORMAT',
      message: `${path}: its table semel_commits has layout 3, and this version of semel knows 2; use the version that made it`,
    })
    const other = database('CREATE TABLE bars (id); CREATE TABLE semel_commits (sha TEXT)')
    expect(await thrownBy(() => connect(other.path, { table }))).toMatchObject({
      code: 'SEMEL_SINK',
    })
  })
})

test('a relative path starts from the base that the context names', async () => {
  const { path } = database('CREATE TABLE bars (id)', join(scratch(), 'bars.db'))
  const connection = await connect('bars.db', { table }, { base: join(path, '..') })
  await connection.write([{ id: 1 }], positionAt(1))
})
