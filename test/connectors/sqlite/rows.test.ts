import { describe, expect, test } from 'vitest'
import type { RejectedOutputs } from 'semel'
import { committing, connect, database, thrownBy } from './database.js'
import { positionAt } from 'semel/testing'

const position = positionAt(1)

/** What was thrown, as index → why. */
async function refusedBy(call: () => unknown): Promise<Record<number, string>> {
  const thrown = (await thrownBy(call)) as RejectedOutputs
  expect([thrown.name, thrown.written]).toEqual(['RejectedOutputs', 0])
  return Object.fromEntries([...thrown.rejected].map(([at, { message }]) => [at, message]))
}

describe('a table', () => {
  test('takes each property as a column, and leaves the others their defaults', async () => {
    const { path, db } = database(
      `CREATE TABLE bars (id INTEGER PRIMARY KEY, "select" TEXT DEFAULT 'none', price REAL)`,
    )
    const commit = await committing(path, { table: 'bars' })
    await commit({ id: 7, price: 1.5 }, { price: 2, select: 'a' }, { select: 'b', id: 3 })
    expect(db.prepare('SELECT * FROM bars ORDER BY id').all()).toEqual([
      { id: 3, select: 'b', price: null },
      { id: 7, select: 'none', price: 1.5 },
      { id: 8, select: 'a', price: 2 },
    ])
  })

  test('may have any name, and columns too', async () => {
    const { path, db } = database(`CREATE TABLE "my ""bars""; --" ("a ""b""" INTEGER, "日本" TEXT)`)
    const commit = await committing(path, { table: 'my "bars"; --' })
    await commit({ 'a "b"': 1, 日本: 'x' })
    expect(db.prepare('SELECT * FROM "my ""bars""; --"').all()).toEqual([{ 'a "b"': 1, 日本: 'x' }])
  })

  test('takes the columns that are named, and nothing else of an output', async () => {
    const { path, db } = database('CREATE TABLE bars (id, price, note DEFAULT 7)')
    const commit = await committing(path, { table: 'bars', columns: ['price', 'id'] })
    await commit({ id: 1, price: 2, extra: { deep: true } })
    expect(db.prepare('SELECT * FROM bars').all()).toEqual([{ id: 1, price: 2, note: 7 }])
    expect(await refusedBy(() => commit({ id: 1 }))).toEqual({
      0: `the column "price" can't hold undefined; give null, or another value`,
    })
  })

  test('takes columns from properties and functions', async () => {
    const { path, db } = database('CREATE TABLE bars (id, at TEXT)')
    interface Bar {
      readonly key: number
      readonly at: Date
    }
    const commit = await committing<Bar>(path, {
      table: 'bars',
      columns: { id: 'key', at: ({ at }) => at.toISOString() },
    })
    await commit({ key: 1, at: new Date(0) })
    expect(db.prepare('SELECT * FROM bars').all()).toEqual([
      { id: 1, at: '1970-01-01T00:00:00.000Z' },
    ])
    expect(await refusedBy(() => commit({ key: 1 } as Bar))).toEqual({
      0: "columns.at failed: Cannot read properties of undefined (reading 'toISOString')",
    })
  })

  test('names every row that it refuses, each with its reason, and keeps none', async () => {
    const { path, db } = database(
      `CREATE TABLE bars (id INTEGER PRIMARY KEY, size INTEGER NOT NULL CHECK (size > 0))`,
    )
    const commit = await committing(path, { table: 'bars' })
    await commit({ id: 1, size: 1 })
    const refused = await refusedBy(() =>
      commit(
        { id: 2, size: 1 },
        { id: 1, size: 1 },
        { id: 3, size: 0 },
        { id: 4, size: null },
        { id: 2, size: 2 },
        { id: 5 },
        { id: 'six', size: 1 },
        { id: 7, size: 1, more: 1 },
        'eight',
        null,
        {},
        { id: 9, size: 1 },
      ),
    )
    expect(refused).toEqual({
      1: 'the table "bars" refuses it: UNIQUE constraint failed: bars.id',
      2: 'the table "bars" refuses it: CHECK constraint failed: size > 0',
      3: 'the table "bars" refuses it: NOT NULL constraint failed: bars.size',
      4: 'the table "bars" refuses it: UNIQUE constraint failed: bars.id',
      5: 'the table "bars" refuses it: NOT NULL constraint failed: bars.size',
      6: 'the table "bars" refuses it: datatype mismatch',
      7: 'the table "bars" has no column "more" that takes values; it has id, size: add it, or name in columns what goes where',
      8: 'the table "bars" takes objects with its columns, and "eight" is none; map it to one',
      9: 'the table "bars" takes objects with its columns, and null is none; map it to one',
      10: 'the table "bars" takes objects with its columns, and this one has no property',
    })
    expect(db.prepare('SELECT * FROM bars').all()).toEqual([{ id: 1, size: 1 }])
  })

  test.each([
    ['a conflict clause that ends the transaction', 'id INTEGER UNIQUE ON CONFLICT ROLLBACK'],
    ['a conflict clause that keeps what was done', 'id INTEGER UNIQUE ON CONFLICT FAIL'],
  ])('names them under %s', async (_, column) => {
    const { path, db } = database(`CREATE TABLE bars (${column})`)
    const commit = await committing(path, { table: 'bars' })
    await commit({ id: 1 })
    const refused = await refusedBy(() => commit({ id: 2 }, { id: 1 }, { id: 3 }, { id: 1 }))
    expect(Object.keys(refused)).toEqual(['1', '3'])
    expect(db.prepare('SELECT * FROM bars').all()).toEqual([{ id: 1 }])
    await commit({ id: 2 })
    expect(db.prepare('SELECT id FROM bars').all()).toEqual([{ id: 1 }, { id: 2 }])
  })

  test('lets what a refused row has left behind speak against no other', async () => {
    const { path, db } = database(`
      CREATE TABLE bars (id INTEGER, bad INTEGER);
      CREATE TABLE log (id INTEGER UNIQUE);
      CREATE TRIGGER logged BEFORE INSERT ON bars BEGIN
        INSERT INTO log VALUES (new.id);
        SELECT RAISE(FAIL, 'it is bad') WHERE new.bad = 1;
      END`)
    const commit = await committing(path, { table: 'bars' })
    const refused = await refusedBy(() => commit({ id: 1, bad: 1 }, { id: 1, bad: 0 }))
    expect(refused).toEqual({ 0: 'the table "bars" refuses it: it is bad' })
    await commit({ id: 1, bad: 0 })
    expect(db.prepare('SELECT * FROM log').all()).toEqual([{ id: 1 }])
  })

  test('names what a trigger refuses, and what an expression can not read', async () => {
    const { path, db } = database(`
      CREATE TABLE bars (id INTEGER, doc TEXT, name TEXT GENERATED ALWAYS AS (doc ->> 'name') STORED);
      CREATE TRIGGER odd BEFORE INSERT ON bars WHEN new.id % 2 = 1
      BEGIN SELECT RAISE(ABORT, 'odd ones are elsewhere'); END`)
    const commit = await committing(path, { table: 'bars' })
    const refused = await refusedBy(() =>
      commit({ id: 2, doc: '{}' }, { id: 3, doc: '{}' }, { id: 4, doc: '{' }),
    )
    expect(refused).toEqual({
      1: 'the table "bars" refuses it: odd ones are elsewhere',
      2: 'the table "bars" refuses it: malformed JSON',
    })
    expect(await refusedBy(() => commit({ id: 2, name: 'x' }))).toMatchObject({
      0: expect.stringContaining('has no column "name" that takes values') as string,
    })
    await commit({ id: 2, doc: '{"name":"x"}' })
    expect(db.prepare('SELECT name FROM bars').all()).toEqual([{ name: 'x' }])
  })

  test.each([
    ['at once', ''],
    ['at the end', 'DEFERRABLE INITIALLY DEFERRED'],
  ])('names rows whose foreign keys dangle, checked %s', async (_, when) => {
    const { path, db } = database(`
      CREATE TABLE symbols (name TEXT PRIMARY KEY);
      INSERT INTO symbols VALUES ('A');
      CREATE TABLE bars (symbol TEXT REFERENCES symbols (name) ${when})`)
    const commit = await committing(path, { table: 'bars' })
    await commit({ symbol: 'A' })
    const refused = await refusedBy(() =>
      commit({ symbol: 'A' }, { symbol: 'B' }, { symbol: 'A' }, { symbol: 'C' }),
    )
    expect(refused).toEqual({
      1: 'the table "bars" refuses it: FOREIGN KEY constraint failed',
      3: 'the table "bars" refuses it: FOREIGN KEY constraint failed',
    })
    await commit({ symbol: 'A' })
    expect(db.prepare('SELECT count(*) AS count FROM bars').get()).toEqual({ count: 2 })
  })

  test('that is dropped or changed is the failure of the sink, and of no row', async () => {
    const { path, db } = database('CREATE TABLE bars (id, price)')
    const commit = await committing(path, { table: 'bars' })
    await commit({ id: 1, price: 1 })
    db.exec('ALTER TABLE bars DROP COLUMN price')
    expect(await thrownBy(() => commit({ id: 2, price: 1 }))).toMatchObject({ code: 'SEMEL_SINK' })
    db.exec('DROP TABLE bars')
    expect(await thrownBy(() => commit({ id: 2, price: 1 }))).toMatchObject({ code: 'SEMEL_SINK' })
  })

  test.each([{ table: 'bars' }, { sql: 'INSERT INTO bars VALUES (@id)' }])(
    'refuses alone what throws when it is looked at, with %o',
    async (options) => {
      const { path, db } = database('CREATE TABLE bars (id)')
      const commit = await committing<object>(path, options)
      const throwing = {
        get id() {
          throw new Error('not today')
        },
      }
      const revoked = Proxy.revocable({ id: 1 }, {})
      revoked.revoke()
      const refused = await refusedBy(() => commit({ id: 1 }, throwing, revoked.proxy))
      expect(refused[1]).toBe('reading "id" failed: not today')
      expect(Object.keys(refused)).toEqual(['1', '2'])
      await commit({ id: 2 })
      expect(db.prepare('SELECT id FROM bars').all()).toEqual([{ id: 2 }])
    },
  )

  test('takes batches of any size, of outputs alike and not', async () => {
    const { path, db } = database('CREATE TABLE bars (id, price, note)')
    const commit = await committing<object>(path, { table: 'bars' })
    const given: object[] = []
    for (const count of [1, 15, 16, 17, 32, 33, 100]) {
      for (const every of [1, 2, 16, 17, 1000]) {
        const batch = Array.from({ length: count }, (_, at) => {
          const id = given.length + at
          return at % every === every - 1
            ? { price: 1, id, note: null }
            : { id, price: null, note: 2 }
        })
        await commit(...batch)
        given.push(...batch)
      }
    }
    expect(db.prepare('SELECT * FROM bars ORDER BY rowid').all()).toEqual(given)
  })

  test('takes objects of more kinds than it keeps statements for', async () => {
    const columns = Array.from({ length: 12 }, (_, at) => `c${at}`)
    const { path, db } = database(`CREATE TABLE wide (${columns.join(', ')})`)
    const connection = await connect(path, { table: 'wide' })
    const rows = Array.from({ length: 1000 }, (_, row) =>
      Object.fromEntries(
        columns.filter((_one, at) => ((row % 200) + 1) & (1 << at)).map((name) => [name, row]),
      ),
    )
    await connection.write(rows, position)
    const back = db.prepare('SELECT * FROM wide ORDER BY rowid').all() as object[]
    expect(
      back.map((row) => Object.fromEntries(Object.entries(row).filter(([, one]) => one !== null))),
    ).toEqual(rows)
  })
})

describe('a statement', () => {
  test('takes its parameters by name from the output, and looks at nothing else', async () => {
    const { path, db } = database('CREATE TABLE bars (id INTEGER PRIMARY KEY, price REAL)')
    const commit = await committing(path, {
      sql: 'INSERT INTO bars VALUES (@id, $price) ON CONFLICT DO UPDATE SET price = price + :price',
    })
    await commit({ id: 1, price: 2, extra: undefined }, { id: 1, price: 3 })
    expect(db.prepare('SELECT * FROM bars').all()).toEqual([{ id: 1, price: 5 }])
    expect(await refusedBy(() => commit({ id: 1 }, 5, { id: 2, price: 1 }))).toEqual({
      0: `the parameter "price" can't hold undefined; give null, or another value`,
      1: "the statement's parameters have names, and 5 is no object with id, price",
    })
  })

  test('takes its parameters from a function, in order or by name', async () => {
    const { path, db } = database('CREATE TABLE bars (id, price)')
    const byOrder = await committing<{ a: number }>(path, {
      sql: '/* bars */ -- all\n insert into bars values (?, ?)',
      parameters: ({ a }) => (a < 0 ? [a] : [a, a + 1]),
    })
    await byOrder({ a: 1 })
    expect(await refusedBy(() => byOrder({ a: -1 }, { a: 2 }))).toEqual({
      0: 'the statement refuses it: Too few parameter values were provided',
    })
    const byName = await committing<{ a: number }>(path, {
      sql: 'INSERT INTO bars VALUES (@a, @a + 1)',
      parameters: (output) => output,
    })
    await byName({ a: 5 })
    expect(db.prepare('SELECT * FROM bars').all()).toEqual([
      { id: 1, price: 2 },
      { id: 5, price: 6 },
    ])
    const failing = await committing(path, {
      sql: 'DELETE FROM bars WHERE id = ?',
      parameters: (output) => [(output as { a: { b: number } }).a.b],
    })
    expect(await refusedBy(() => failing({}))).toEqual({
      0: "parameters failed: Cannot read properties of undefined (reading 'b')",
    })
  })

  test('refuses all where nobody can tell whose foreign keys dangle at the end', async () => {
    const { path, db } = database(`
      CREATE TABLE symbols (name TEXT PRIMARY KEY);
      CREATE TABLE bars (symbol TEXT REFERENCES symbols DEFERRABLE INITIALLY DEFERRED)`)
    const commit = await committing(path, { sql: 'INSERT INTO bars VALUES (@symbol)' })
    const refused = await refusedBy(() => commit({ symbol: 'B' }, { symbol: null }))
    expect(Object.keys(refused)).toEqual(['0', '1'])
    expect(db.prepare('SELECT * FROM bars').all()).toEqual([])
  })
})
