import { positionAt } from 'semel/testing'
import { describe, expect, test } from 'vitest'
import { RejectedOutputs, Unavailable } from 'semel'
import type { PostgresOptions } from 'semel/postgres'
import {
  committing,
  connect,
  newPipeline,
  ownServer,
  refusedBy,
  thrownBy,
  lastOf,
} from './database.js'
import { hasServer } from './server.js'

const own = ownServer()
const position = positionAt(1)
let tables = 0

/** A table with these columns, under a name of its own. */
async function made(columns: string): Promise<string> {
  const table = `rows_${++tables}`
  await own.server.ask(`CREATE TABLE ${table} (${columns})`)
  return table
}

const all = (table: string): Promise<Record<string, unknown>[]> =>
  own.server.ask(`SELECT * FROM ${table} ORDER BY 1`)

function withoutSeven(outputs: readonly number[]): unknown[] {
  if (outputs.includes(7)) throw new Error('seven')
  return [outputs]
}

describe.skipIf(!hasServer)('a table', () => {
  test('takes each property as a column, and leaves the others their defaults', async () => {
    const table = await made(`id int, "select" text DEFAULT 'none', price float8`)
    const commit = await committing<unknown>(own.server.url, { table })
    await commit({ id: 7, price: 1.5 }, { price: 2, id: 8, select: 'a' }, { select: null, id: 3 })
    expect(await all(table)).toEqual([
      { id: 3, select: null, price: null },
      { id: 7, select: 'none', price: 1.5 },
      { id: 8, select: 'a', price: 2 },
    ])
  })

  test('may have any name, in any schema, and columns too', async () => {
    await own.server.ask(
      `CREATE SCHEMA "odd ""schema"""; CREATE TABLE "odd ""schema"""."my ""bars""; --" ("a ""b""" int, "日本" text)`,
    )
    const commit = await committing<unknown>(own.server.url, {
      table: 'my "bars"; --',
      schema: 'odd "schema"',
    })
    await commit({ 'a "b"': 1, 日本: 'x' })
    expect(await all('"odd ""schema"""."my ""bars""; --"')).toEqual([{ 'a "b"': 1, 日本: 'x' }])
    const [commits] = await own.server.ask(
      `SELECT count(*)::int AS count FROM "odd ""schema""".semel_commits`,
    )
    expect(commits).toEqual({ count: 1 })
  })

  test('takes columns from properties and functions, and nothing else of an output', async () => {
    const table = await made('id int, at timestamptz, note int DEFAULT 7')
    interface Bar {
      readonly key: number
      readonly ms: number
    }
    const commit = await committing<Bar>(own.server.url, {
      table,
      columns: { id: 'key', at: ({ ms }) => new Date(ms) },
    })
    await commit({ key: 1, ms: 5 })
    expect(await all(table)).toEqual([{ id: 1, at: new Date(5), note: 7 }])
    const throwing = await committing<Bar | null>(own.server.url, {
      table,
      columns: { id: (bar) => (bar as Bar).key },
    })
    expect(await refusedBy(() => throwing({} as Bar, null))).toMatchObject({
      0: expect.stringMatching(/can't hold undefined; give null/) as string,
      1: expect.stringMatching(/takes objects with its columns, and null is none/) as string,
    })
  })

  test('has columns that take no values', async () => {
    const table = await made(
      'id int GENERATED ALWAYS AS IDENTITY, n int, twice int GENERATED ALWAYS AS (2 * n) STORED',
    )
    const commit = await committing<unknown>(own.server.url, { table })
    await commit({ n: 4 })
    expect(await all(table)).toEqual([{ id: 1, n: 4, twice: 8 }])
    expect(
      Object.values(await refusedBy(() => commit({ id: 1 }, { twice: 1 }, { x: 1 }, {}))),
    ).toEqual([
      expect.stringMatching(/no column "id" that takes values; it has n:/),
      expect.stringMatching(/no column "twice" that takes values/),
      expect.stringMatching(/no column "x" that takes values/),
      expect.stringMatching(/has no property/),
    ])
  })

  test('keeps the order of its rows', async () => {
    const table = await made('n serial, id int')
    const commit = await committing<unknown>(own.server.url, { table })
    const ids = Array.from({ length: 500 }, (_, at) => (at * 7919) % 500)
    await commit(...ids.map((id) => ({ id })))
    expect((await all(table)).map(({ id }) => id)).toEqual(ids)
  })

  test('names the rows at fault in the middle of a thousand, and keeps none', async () => {
    const table = await made(
      'id int PRIMARY KEY, size int NOT NULL CHECK (size > 0), name varchar(8) UNIQUE, doc jsonb',
    )
    const commit = await committing<unknown>(own.server.url, { table })
    await commit({ id: 5000, size: 1, name: 'held', doc: null })
    const rows = Array.from({ length: 1000 }, (_, id) => ({
      id,
      size: 1,
      name: `n${id}`,
      doc: { id },
    })) as Record<string, unknown>[]
    rows[0] = { ...rows[0], size: 0 }
    rows[333] = { ...rows[333], id: 332 }
    rows[500] = { ...rows[500], name: 'held' }
    rows[501] = { ...rows[501], size: null }
    rows[777] = { ...rows[777], doc: { bad: '\0' } }
    rows[999] = { ...rows[999], id: 5000 }
    const refused = await refusedBy(() => commit(...rows))
    expect(Object.keys(refused).map(Number)).toEqual([0, 333, 500, 501, 777, 999])
    expect(refused[0]).toMatch(/violates check constraint/)
    expect(refused[333]).toMatch(/duplicate key .*\(Key \(id\)=\(332\) already exists\.\)/)
    expect(refused[501]).toMatch(/null value in column "size"/)
    expect(await all(table)).toMatchObject([{ id: 5000 }])
    const bad = new Set([0, 333, 500, 501, 777, 999])
    await commit(...rows.filter((_, at) => !bad.has(at)))
    expect((await all(table)).length).toBe(995)
  })

  test('names all of a thousand, in bounded time', async () => {
    const table = await made('id int CHECK (id < 0)')
    const commit = await committing<unknown>(own.server.url, { table })
    const rows = Array.from({ length: 1000 }, (_, id) => ({ id }))
    expect(Object.keys(await refusedBy(() => commit(...rows))).length).toBe(1000)
    await commit({ id: -1 })
    expect(await all(table)).toEqual([{ id: -1 }])
  })

  test('names a row that is too large for an index', async () => {
    const table = await made('text text UNIQUE')
    const commit = await committing<unknown>(own.server.url, { table })
    const large = Array.from({ length: 6000 }, (_, at) => String.fromCodePoint(0x4e00 + at)).join(
      '',
    )
    expect(await refusedBy(() => commit({ text: 'a' }, { text: large }, { text: 'b' }))).toEqual({
      1: expect.stringMatching(/index row (?:size|requires)/) as string,
    })
  })

  test('names what a trigger refuses, whatever its code', async () => {
    const table = await made('id int')
    await own.server.ask(`
      CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF new.id = 1 THEN RAISE EXCEPTION 'odd ones are elsewhere'; END IF;
        IF new.id = 3 THEN RAISE EXCEPTION 'by a code of its own' USING ERRCODE = 'UX001'; END IF;
        RETURN new; END $$;
      CREATE TRIGGER odd BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION odd()`)
    const commit = await committing<unknown>(own.server.url, { table })
    expect(await refusedBy(() => commit({ id: 0 }, { id: 1 }, { id: 2 }, { id: 3 }))).toEqual({
      1: `the table "${table}" refuses it: odd ones are elsewhere`,
      3: `the table "${table}" refuses it: by a code of its own`,
    })
  })

  test('names what a policy on rows refuses', async () => {
    const table = await made('id int')
    await own.server.ask(`
      CREATE ROLE limited LOGIN; GRANT ALL ON ${table} TO limited;
      ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
      CREATE POLICY small ON ${table} FOR ALL TO limited USING (true) WITH CHECK (id < 10)`)
    await connect(own.server.url, { table })
    await own.server.ask('GRANT ALL ON semel_commits TO limited')
    const url = own.server.url.replace('postgres@', 'limited@')
    const commit = await committing<unknown>(url, { table })
    expect(Object.keys(await refusedBy(() => commit({ id: 1 }, { id: 10 })))).toEqual(['1'])
    await own.server.ask(`REVOKE INSERT ON ${table} FROM limited`)
    expect(await thrownBy(() => commit({ id: 1 }))).toMatchObject({ code: 'SEMEL_SINK' })
  })

  test.each([
    ['at once', ''],
    ['at the end', 'DEFERRABLE INITIALLY DEFERRED'],
  ])('names rows whose foreign keys dangle, checked %s', async (_, when) => {
    const table = await made(`id int PRIMARY KEY, before int`)
    await own.server.ask(
      `ALTER TABLE ${table} ADD FOREIGN KEY (before) REFERENCES ${table} ${when}`,
    )
    const commit = await committing<unknown>(own.server.url, { table })
    const refused = await refusedBy(() =>
      commit(
        { id: 1, before: 2 },
        { id: 2, before: null },
        { id: 3, before: 33 },
        { id: 4, before: 3 },
        { id: 5, before: 6 },
        { id: 6, before: 5 },
      ),
    )
    expect(Object.keys(refused)).toEqual(['2', '3'])
    await commit({ id: 1, before: 2 }, { id: 2, before: null })
    expect((await all(table)).length).toBe(2)
  })

  test('takes a rule, a view and partitions', async () => {
    const table = await made('id int PRIMARY KEY, text text')
    await own.server.ask(`
      CREATE TABLE log_${table} (id int);
      CREATE RULE also AS ON INSERT TO ${table} DO ALSO INSERT INTO log_${table} VALUES (new.id);
      CREATE VIEW view_${table} AS SELECT * FROM ${table};
      CREATE TABLE parts_${table} (id int, text text) PARTITION BY RANGE (id);
      CREATE TABLE part_${table} PARTITION OF parts_${table} FOR VALUES FROM (0) TO (10)`)
    for (const [name, count] of [
      [table, 2],
      [`view_${table}`, 3],
      [`parts_${table}`, 2],
    ] as const) {
      const commit = await committing<unknown>(own.server.url, { table: name })
      const from = name.startsWith('view') ? 5 : 1
      await commit({ id: from, text: 'a' })
      expect(
        Object.keys(
          await refusedBy(() => commit({ id: 3, text: 'a' }, { id: 3 }, { id: -1, more: 1 })),
        ),
      ).toEqual(['2'])
      if (!name.startsWith('view')) await commit({ id: 2, text: 'b' })
      expect((await all(name)).length).toBe(count)
    }
    const parts = await committing<unknown>(own.server.url, { table: `parts_${table}` })
    const refused = await refusedBy(() => parts({ id: 5 }, { id: 99 }))
    expect(refused).toMatchObject({
      1: expect.stringMatching(/no partition of relation/) as string,
    })
  })
})

describe.skipIf(!hasServer)('a table with a key', () => {
  const columns = 'id int, part text, n int, note text, PRIMARY KEY (id, part)'

  test('takes a row’s place, and the last of a commit counts', async () => {
    const table = await made(columns)
    const commit = await committing<unknown>(own.server.url, { table, key: ['id', 'part'] })
    await commit({ id: 1, part: 'a', n: 1 }, { id: 1, part: 'b', n: 2 }, { id: 1, part: 'a', n: 3 })
    await commit({ part: 'b', id: 1, n: 4 }, { id: 1, part: 'b', note: 'x' }, { id: 2, part: 'a' })
    expect(await all(table)).toEqual([
      { id: 1, part: 'a', n: 3, note: null },
      { id: 1, part: 'b', n: 4, note: 'x' },
      { id: 2, part: 'a', n: null, note: null },
    ])
  })

  test('deletes, and goes by the order of the outputs', async () => {
    const table = await made(columns)
    interface Change {
      readonly id: number
      readonly part: string
      readonly n?: number
      readonly gone?: true
    }
    const commit = await committing<Change>(own.server.url, {
      table,
      columns: ['id', 'part', 'n'],
      key: ['id', 'part'],
      deletes: ({ gone }) => gone === true,
    })
    await commit({ id: 1, part: 'a', n: 1 }, { id: 2, part: 'a', n: 1 }, { id: 3, part: 'a', n: 1 })
    await own.server.ask(`UPDATE ${table} SET note = 'old'`)
    await commit(
      { id: 1, part: 'a', gone: true },
      { id: 2, part: 'a', gone: true },
      { id: 2, part: 'a', n: 2 },
      { id: 3, part: 'a', n: 3 },
      { id: 4, part: 'a', n: 4 },
      { id: 4, part: 'a', gone: true },
      { id: 9, part: 'a', gone: true },
    )
    expect(await all(table)).toEqual([
      { id: 2, part: 'a', n: 2, note: null },
      { id: 3, part: 'a', n: 3, note: 'old' },
    ])
    expect(
      Object.values(await refusedBy(() => commit({ id: null, part: 'a', gone: true } as never))),
    ).toEqual([expect.stringMatching(/key that is null/)])
  })

  test('compares keys as the table does', async () => {
    const table = await made('price numeric PRIMARY KEY, n int')
    const commit = await committing<unknown>(own.server.url, { table, key: ['price'] })
    await commit({ price: '1.0', n: 1 }, { price: 1, n: 2 }, { price: '1.00', n: 3 })
    expect(await own.server.ask(`SELECT n FROM ${table}`)).toEqual([{ n: 3 }])
  })

  test.each([
    ['int', (id: number) => id],
    // One key has several texts; what comes first of them is anybody's.
    ['numeric', (id: number, turn: number) => `${id}${['', '.0', '.00'][turn % 3]}`],
    [
      'text COLLATE nocase',
      (id: number, turn: number) =>
        ['a', 'b', 'c'][id % 3]?.[turn % 2 === 0 ? 'toUpperCase' : 'toLowerCase'](),
    ],
  ] as const)('does in drawn changes what a map does, by %s', async (type, keyOf) => {
    await own.server.ask(
      `CREATE COLLATION IF NOT EXISTS nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
    )
    const table = await made(`id ${type} PRIMARY KEY, n int, turn int`)
    const same = (id: number): number => (type.startsWith('text') ? id % 3 : id)
    interface Change {
      readonly id: number
      readonly turn: number
      readonly n?: number
      readonly gone?: boolean
    }
    const commit = await committing<Change>(own.server.url, {
      table,
      columns: { id: ({ id, turn }) => keyOf(id, turn), n: ({ n }) => n ?? null },
      key: ['id'],
      deletes: ({ gone }) => gone === true,
    })
    const model = new Map<number, number>()
    let state = 12_345
    const draw = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return Math.floor((state / 2 ** 31) * below)
    }
    for (let round = 0; round < 40; round++) {
      const changes = Array.from({ length: draw(12) }, (_, at): Change => {
        const change = { id: draw(6), turn: draw(6) }
        return draw(3) === 0 ? { ...change, gone: true } : { ...change, n: round * 100 + at }
      })
      await commit(...changes)
      for (const { id, n } of changes) {
        if (n === undefined) model.delete(same(id))
        else model.set(same(id), n)
      }
      const rows = await all(table)
      expect(rows.map(({ n }) => n)).toEqual(
        [...model].toSorted(([a], [b]) => a - b).map(([, n]) => n),
      )
    }
  })

  test('without a unique index is told', async () => {
    const table = await made('id int')
    const commit = await committing<unknown>(own.server.url, { table, key: ['id'] })
    const thrown = await thrownBy(() => commit({ id: 1 }))
    expect(thrown).toMatchObject({ code: 'SEMEL_SINK' })
    expect(thrown.message).toMatch(/no unique or exclusion constraint matching/)
  })
})

describe.skipIf(!hasServer)('a statement', () => {
  test('is not run for a commit without outputs', async () => {
    const table = await made('id int')
    await own.server.ask(`INSERT INTO ${table} VALUES (1)`)
    const calls: number[] = []
    for (const parameters of [
      ['id'],
      (rows: readonly { id: number }[]) => {
        calls.push(rows.length)
        return [rows.map(({ id }) => id)]
      },
    ]) {
      const commit = await committing<{ id: number }>(own.server.url, {
        sql: `DELETE FROM ${table} WHERE NOT id = ANY ($1::int[])`,
        parameters,
      })
      await commit()
      expect((await all(table)).length).toBe(1)
    }
    expect(calls).toEqual([])
  })

  test('upserts, deletes and computes', async () => {
    const table = await made('id int PRIMARY KEY, sum numeric')
    const commit = await committing<unknown>(own.server.url, {
      sql: `-- sums
        INSERT INTO ${table} AS held SELECT id, sum(n) FROM unnest($1::int[], $2::numeric[]) AS one (id, n) GROUP BY id
        ON CONFLICT (id) DO UPDATE SET sum = held.sum + excluded.sum;`,
      parameters: ['id', 'n'],
    })
    await commit({ id: 1, n: '0.1' }, { id: 1, n: '0.2' }, { id: 2, n: 1 })
    await commit({ id: 1, n: 1 })
    expect(await all(table)).toEqual([
      { id: 1, sum: '1.3' },
      { id: 2, sum: '1' },
    ])
  })

  test.each([
    ['MERGE', true],
    ['WITH that changes rows', false],
  ])('that is a %s is taken in a transaction', async (_, isMerge) => {
    const table = await made('id int PRIMARY KEY, n int')
    const sql = isMerge
      ? `MERGE INTO ${table} USING unnest($1::int[]) AS one (id) ON one.id = ${table}.id
         WHEN MATCHED THEN UPDATE SET n = n + 1 WHEN NOT MATCHED THEN INSERT VALUES (one.id, 0)`
      : `WITH gone AS (DELETE FROM ${table} WHERE id = ANY ($1::int[]) RETURNING id, n)
         INSERT INTO ${table} SELECT id, count(*) FROM (SELECT -id AS id FROM gone UNION SELECT unnest($1::int[])) all_of GROUP BY id`
    const commit = await committing<unknown>(own.server.url, { sql, parameters: ['id'] })
    await commit({ id: 1 })
    if (isMerge) {
      await commit({ id: 1 }, { id: 2 })
      expect(await all(table)).toEqual([
        { id: 1, n: 1 },
        { id: 2, n: 0 },
      ])
    } else {
      expect(await all(table)).toEqual([{ id: 1, n: 1 }])
    }
  })

  test('names the outputs at fault', async () => {
    const table = await made('id int PRIMARY KEY')
    const commit = await committing<number>(own.server.url, {
      sql: `INSERT INTO ${table} SELECT unnest($1::int[])`,
      parameters: withoutSeven,
    })
    expect(await refusedBy(() => commit(1, 2, 7, 2, 0.5, 8))).toEqual({
      2: 'parameters failed: seven',
      3: expect.stringMatching(/duplicate key/) as string,
      4: expect.stringMatching(/can't hold 0.5/) as string,
    })
    await commit(1, 2, 8)
    expect((await all(table)).length).toBe(3)
  })

  test.each([
    ['INSERT INTO no_such_table SELECT unnest($1::int[])', ['id'], /no_such_table/],
    ['INSERT INTO semel_commits SELECT', ['id'], /0 parameters, and 1 are named/],
    ['DELETE FROM semel_commits WHERE n = $1', ['id'], /\$1 is bigint, and no array/],
    ['DELETE FROM semel_commits; DROP TABLE semel_commits', [1], /multiple commands/],
    ['INSERT INTO', ['id'], /syntax error/],
    ['UPDATE semel_commits SET n = unknown_column', ['id'], /unknown_column/],
  ])('that the server does not take is told at opening: %s', async (sql, parameters, why) => {
    await connect(own.server.url, { write: async () => {} })
    const names = parameters[0] === 1 ? () => [] : (parameters as string[])
    const thrown = await thrownBy(() => connect(own.server.url, { sql, parameters: names }))
    expect(thrown).toMatchObject({ code: 'SEMEL_SINK' })
    expect(thrown.message).toMatch(why)
    const kept = await own.server.ask(`SELECT to_regclass('semel_commits') IS NOT NULL AS kept`)
    expect(kept).toEqual([{ kept: true }])
  })
})

describe.skipIf(!hasServer)('a function', () => {
  test('gets outputs in the commit’s transaction', async () => {
    const table = await made('id int, xid text')
    const commit = await committing<number>(own.server.url, {
      async write(transaction, ids) {
        const { rows } = await transaction.query('SELECT pg_current_xact_id()::text AS xid')
        for (const id of ids) {
          await transaction.query(`INSERT INTO ${table} VALUES ($1, $2)`, [id, rows[0]?.['xid']])
        }
      },
    })
    await commit(1, 2)
    const found = await own.server.ask(
      `SELECT count(DISTINCT t.xid)::int AS count, bool_and(t.xid = c.xmin::text) AS same FROM ${table} t, semel_commits c WHERE c.n = 1 AND c.pipeline = (SELECT max(pipeline) FROM semel_commits WHERE xmin::text = t.xid)`,
    )
    expect(found).toEqual([{ count: 1, same: true }])
  })

  test('that throws has named what it throws at, and nothing is kept', async () => {
    const table = await made('id int PRIMARY KEY')
    const write: PostgresOptions<number>['write'] = async (transaction, ids) => {
      for (const id of ids) {
        await transaction.query(`INSERT INTO ${table} VALUES ($1)`, [id])
        if (id === 5) throw new Error('five')
      }
    }
    const commit = await committing<number>(own.server.url, { write })
    expect(await refusedBy(() => commit(1, 5, 2, 2, 3))).toEqual({
      1: 'write refuses it: five',
      3: expect.stringMatching(/duplicate key/) as string,
    })
    expect(await all(table)).toEqual([])
    await commit(1, 2, 3)
    expect((await all(table)).length).toBe(3)
  })

  test('may name outputs itself, or say that something is down', async () => {
    const table = await made('id int')
    const commit = await committing<number>(own.server.url, {
      async write(transaction, ids) {
        if (ids.includes(9)) throw new Unavailable('elsewhere is down')
        await transaction.query(`INSERT INTO ${table} SELECT unnest($1::int[])`, [ids])
        const wrong = ids.flatMap((id, at) =>
          id < 0 ? [[at, new Error('negative')] as const] : [],
        )
        if (wrong.length > 0) throw new RejectedOutputs(new Map(wrong))
      },
    })
    expect(Object.keys(await refusedBy(() => commit(1, -1, 2, -2)))).toEqual(['1', '3'])
    expect(await thrownBy(() => commit(1, 9))).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
    expect(await all(table)).toEqual([])
  })

  test('that has caught a failed statement does not pass for one that wrote', async () => {
    const table = await made('id int PRIMARY KEY')
    const commit = await committing<number>(own.server.url, {
      async write(transaction, ids) {
        for (const id of ids) {
          await transaction.query(`INSERT INTO ${table} VALUES ($1)`, [id]).catch(() => {})
        }
      },
    })
    expect(Object.keys(await refusedBy(() => commit(1, 1, 2)))).toEqual(['1'])
    expect(await all(table)).toEqual([])
    await commit(1, 2)
    expect((await all(table)).length).toBe(2)
  })

  test('does not end the transaction, nor come late to it', async () => {
    const table = await made('id int')
    let late: (() => unknown) | undefined
    const texts = [
      'COMMIT',
      ' /* x */ rollback',
      'BEGIN',
      'end',
      'SELECT 1; COMMIT',
      'ROLLBACK AND CHAIN',
    ]
    const commit = await committing<number>(own.server.url, {
      async write(transaction, [at]) {
        late = () => transaction.query(`INSERT INTO ${table} VALUES (99)`)
        await transaction.query(`INSERT INTO ${table} VALUES ($1)`, [at])
        const text = texts[at as number]
        if (text !== undefined) await transaction.query(text)
      },
    })
    for (const at of texts.keys()) {
      // A text of two statements is the server's to refuse, as it would any wrong one.
      const thrown = await thrownBy(() => commit(at))
      expect(['RejectedOutputs', 'SemelError']).toContain(thrown.name)
    }
    expect(await all(table)).toEqual([])
    await commit(100)
    expect(() => late?.()).toThrow(/its function had returned/)
    expect(await all(table)).toEqual([{ id: 100 }])
  })
})

test.skipIf(!hasServer)('what is written without a commit is held too', async () => {
  const table = await made('id int CHECK (id > 0)')
  const pipeline = newPipeline()
  const connection = await connect<unknown>(own.server.url, { table }, { pipeline })
  await connection.write([{ id: 1 }, { id: 2 }], position)
  expect(
    Object.keys(await refusedBy(() => connection.write([{ id: 3 }, { id: 0 }], position))),
  ).toEqual(['1'])
  await connection.flush?.()
  expect((await all(table)).length).toBe(2)
  expect(await lastOf(connection)).toBe(undefined)
})
