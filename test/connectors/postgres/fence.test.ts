import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { postgres, type PostgresOptions } from 'semel/postgres'
import { committing, connect, newPipeline, ownServer, thrownBy } from './database.js'
import { hasServer } from './server.js'

const own = ownServer()
let tables = 0

async function made(columns = 'id int'): Promise<string> {
  const table = `fence_${++tables}`
  await own.server.ask(`CREATE TABLE ${table} (${columns})`)
  return table
}

async function count(table: string): Promise<number> {
  const [row] = await own.server.ask(`SELECT count(*)::int AS count FROM ${table}`)
  return row?.['count'] as number
}

/** Another client in a transaction that holds what its statement locks. */
async function holding(sql: string): Promise<{ end(by: 'COMMIT' | 'ROLLBACK'): Promise<void> }> {
  const client = new Client(own.server.url)
  client.on('error', () => {})
  await client.connect()
  await client.query('BEGIN')
  await client.query(sql)
  return {
    async end(by) {
      await client.query(by)
      await client.end()
    },
  }
}

/** Until so many sessions wait for a lock. */
async function waiting(due: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const [row] = await own.server.ask(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
    )
    if (row?.['count'] === due) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`not ${due} sessions wait`)
}

const ways: Record<string, (table: string) => PostgresOptions<{ id: number }>> = {
  'a table': (table) => ({ table }),
  'a statement': (table) => ({
    sql: `INSERT INTO ${table} SELECT unnest($1::int[])`,
    parameters: ['id'],
  }),
  'a function': (table) => ({
    async write(transaction, rows) {
      for (const { id } of rows) {
        await transaction.query(`INSERT INTO ${table} VALUES ($1)`, [id])
      }
    },
  }),
}

describe.skipIf(!hasServer)('a writer that is fenced', () => {
  test.each(Object.keys(ways))('while its commit by %s is queued changes nothing', async (way) => {
    const table = await made()
    const pipeline = newPipeline()
    const options = (ways[way] as (table: string) => PostgresOptions<{ id: number }>)(table)
    const old = await committing(own.server.url, options, { pipeline })
    await old({ id: 1 })
    // Somebody else has the row: the commit waits for it, and so does whoever begins.
    const lock = await holding(
      `SELECT FROM semel_commits WHERE pipeline = '${pipeline}' FOR UPDATE`,
    )
    const newer = await connect(own.server.url, options, { pipeline })
    const begun = newer.begin('A')
    await waiting(1)
    const sent = old({ id: 2 }).then(
      () => 'in',
      (error: Error) => error.name,
    )
    await waiting(2)
    await lock.end('COMMIT')
    const { last } = await begun
    expect(last?.n).toBe(1)
    expect(await sent).toBe('CommitRefused')
    expect(await count(table)).toBe(1)
  })

  test.each(Object.keys(ways))(
    'behind its commit by %s that is queued finds it, or finds it never',
    async (way) => {
      const table = await made('id int PRIMARY KEY')
      const pipeline = newPipeline()
      const options = (ways[way] as (table: string) => PostgresOptions<{ id: number }>)(table)
      const old = await committing(own.server.url, options, { pipeline })
      await old({ id: 1 })
      // It is past its check, and waits for whether somebody else's row of its key comes to be.
      const lock = await holding(`INSERT INTO ${table} VALUES (2)`)
      const sent = old({ id: 2 })
      await waiting(1)
      const newer = await connect(own.server.url, { write: async () => {} }, { pipeline })
      const begun = newer.begin('A')
      await waiting(2)
      await lock.end('ROLLBACK')
      await sent
      expect((await begun).last?.n).toBe(2)
      expect(await count(table)).toBe(2)
      expect((await thrownBy(() => old({ id: 3 }))).name).toBe('CommitRefused')
      expect(await count(table)).toBe(2)
    },
  )

  test('is told who did what', async () => {
    const table = await made()
    const pipeline = newPipeline()
    const old = await committing<{ id: number }>(own.server.url, { table }, { pipeline })
    await old({ id: 1 })
    const newer = await committing<{ id: number }>(own.server.url, { table }, { pipeline })
    expect((await thrownBy(() => old({ id: 2 }))).message).toBe(
      `postgres(${table}) has given the epoch 2 since 1: another one has begun`,
    )
    await newer({ id: 3 })
    const wrong = {
      id: { lineage: 'A', epoch: 2, n: 9 },
      parent: { lineage: 'A', epoch: 1, n: 1 },
      through: 9,
      positions: new Uint8Array(),
    }
    const thrown = await thrownBy(() => newer.connection.commit([], wrong))
    expect(thrown.message).toBe(
      `postgres(${table}) holds the commit A/2/2, and A/1/1 was to be there: another one has committed since`,
    )
  })

  test('would have committed by a pipelined BEGIN … COMMIT', async () => {
    // Why a commit is one statement: what comes behind a check in one message does not wait for it.
    const table = await made()
    await own.server.ask(`
      BEGIN;
      UPDATE semel_commits SET n = n WHERE pipeline = 'nobody' AND epoch = 7;
      INSERT INTO ${table} VALUES (1);
      COMMIT`)
    expect(await count(table)).toBe(1)
  })
})

describe.skipIf(!hasServer)('a writer that is fenced, at another level of isolation', () => {
  test.each(['repeatable read', 'serializable'])('%s, changes nothing', async (level) => {
    const table = await made()
    await own.server.ask(`ALTER DATABASE postgres SET default_transaction_isolation = '${level}'`)
    try {
      for (const way of Object.keys(ways)) {
        const pipeline = newPipeline()
        const options = (ways[way] as (table: string) => PostgresOptions<{ id: number }>)(table)
        const old = await committing(own.server.url, options, { pipeline })
        const lock = await holding(
          `SELECT FROM semel_commits WHERE pipeline = '${pipeline}' FOR UPDATE`,
        )
        const newer = await connect<{ id: number }>(own.server.url, options, { pipeline })
        const begun = newer.begin('A')
        await waiting(1)
        const sent = thrownBy(() => old({ id: 1 }))
        await waiting(2)
        await lock.end('COMMIT')
        await begun
        // Where it may not look at what has changed meanwhile it fails; asked again, it is refused.
        expect(['CommitRefused', 'Unavailable']).toContain((await sent).name)
        expect((await thrownBy(() => old({ id: 2 }))).name).toBe('CommitRefused')
        expect(await count(table)).toBe(0)
      }
    } finally {
      await own.server.ask('ALTER DATABASE postgres RESET default_transaction_isolation')
    }
  })
})

describe.skipIf(!hasServer)('an epoch', () => {
  test('is given once, however many begin at a time', async () => {
    const table = await made()
    const pipeline = newPipeline()
    const connections = await Promise.all(
      Array.from({ length: 8 }, () => connect(own.server.url, { table }, { pipeline })),
    )
    const epochs = await Promise.all(
      Array.from({ length: 5 }).flatMap(() =>
        connections.map(async (connection) => (await connection.begin('A')).epoch),
      ),
    )
    expect(epochs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1))
  })

  test('is durable, whatever the server is told', async () => {
    const table = await made()
    await own.server.ask(`ALTER SYSTEM SET synchronous_commit = off`)
    await own.server.ask('SELECT pg_reload_conf()')
    try {
      await own.server.ask(`
        CREATE TABLE told (level text);
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO told VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER tell AFTER INSERT OR UPDATE ON semel_commits DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION tell()`)
      const told = async (): Promise<unknown[]> =>
        (await own.server.ask('DELETE FROM told RETURNING level')).map(({ level }) => level)
      for (const [durability, synchronousCommit, due] of [
        ['process', undefined, ['on', 'off']],
        ['disk', undefined, ['on', 'on']],
        ['disk', 'off', ['on', 'off']],
        ['process', 'remote_apply', ['remote_apply', 'remote_apply']],
        [{ interval: '1s' }, 'local', ['local', 'local']],
      ] as const) {
        const options = { table, ...(synchronousCommit && { synchronousCommit }) }
        const commit = await committing<unknown>(own.server.url, options, {
          durability: durability as never,
        })
        await commit({ id: 1 })
        expect(await told()).toEqual(due)
        // A transaction of several statements does as one does.
        await thrownBy(() => commit({ id: 'x' }))
        await commit.connection.flush?.()
      }
    } finally {
      await own.server.ask('ALTER SYSTEM RESET synchronous_commit')
      await own.server.ask('SELECT pg_reload_conf()')
      await own.server.ask('DROP TRIGGER IF EXISTS tell ON semel_commits')
    }
  })
})

describe.skipIf(!hasServer)('a commit', () => {
  test('keeps positions and through beside its number', async () => {
    const table = await made()
    const pipeline = newPipeline()
    const { connection } = await committing<unknown>(own.server.url, { table }, { pipeline })
    const positions = Uint8Array.of(0, 255, 92, 120)
    const commit = {
      id: { lineage: 'A', epoch: 1, n: 1 },
      parent: undefined,
      through: 42,
      positions,
    }
    await connection.commit([], commit)
    const read = `SELECT through::int, positions FROM semel_commits WHERE pipeline = '${pipeline}'`
    expect(await own.server.ask(read)).toEqual([{ through: 42, positions: Buffer.from(positions) }])
  })

  test('by several statements is refused as one by one is', async () => {
    const table = await made('id int PRIMARY KEY, n int')
    const pipeline = newPipeline()
    const options = { table, key: ['id'], deletes: (row: { n?: number }) => row.n === undefined }
    const old = await committing<{ id: number; n?: number }>(own.server.url, options, { pipeline })
    await old({ id: 1, n: 1 }, { id: 1 }, { id: 1, n: 2 })
    await committing(own.server.url, options, { pipeline })
    const thrown = await thrownBy(() => old({ id: 1 }, { id: 1, n: 3 }, { id: 2, n: 1 }))
    expect(thrown.name).toBe('CommitRefused')
    expect(await own.server.ask(`SELECT * FROM ${table}`)).toEqual([{ id: 1, n: 2 }])
  })

  test('of an older epoch whose rows are wrong too changes nothing', async () => {
    const table = await made('id int CHECK (id > 0)')
    const pipeline = newPipeline()
    for (const way of Object.keys(ways)) {
      const options = (ways[way] as (table: string) => PostgresOptions<{ id: number }>)(table)
      const old = await committing(own.server.url, options, { pipeline })
      await committing(own.server.url, options, { pipeline })
      const thrown = await thrownBy(() => old({ id: 1 }, { id: -1 }))
      expect(thrown.name).toBe('CommitRefused')
    }
    expect(await count(table)).toBe(0)
  })

  test('is one round trip in the common case', async () => {
    const table = await made()
    for (const way of ['a table', 'a statement']) {
      const options = (ways[way] as (table: string) => PostgresOptions<{ id: number }>)(table)
      const commit = await committing<{ id: number }>(own.server.url, options)
      await commit({ id: 1 })
      const queries: string[] = []
      const { query } = Client.prototype as { query: (config: { text: string }) => unknown }
      Client.prototype.query = function counted(this: Client, config: { text: string }) {
        queries.push(config.text)
        return query.call(this, config)
      } as never
      try {
        await commit({ id: 2 }, { id: 3 })
      } finally {
        Client.prototype.query = query as never
      }
      expect(queries.length).toBe(1)
    }
  })
})

test('a sink’s name has no password in it', () => {
  const sink = postgres('postgres://user:secret@host/db', { table: 'bars' })
  expect(sink.name).toBe('postgres(bars)')
  expect(JSON.stringify(sink)).not.toMatch(/secret/)
})
