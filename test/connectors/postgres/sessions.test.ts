import { positionAt } from 'semel/testing'
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SinkContext, TransactionalConnection } from 'semel'
import { initPostgres, postgres, postgresTables, type PostgresAddress } from 'semel/postgres'
import { committing, connect, newPipeline, ownServer, thrownBy } from './database.js'
import { hasPooler, Pooler } from './pooler.js'
import { hasServer, owner } from './server.js'

const own = ownServer()
let tables = 0

async function made(columns = 'id int'): Promise<string> {
  const table = `sessions_${++tables}`
  await own.server.ask(`CREATE TABLE ${table} (${columns})`)
  return table
}

interface Left {
  readonly sessions: number
  readonly locks: number
}

/** What is left of semel's in the server, a moment after it was closed. */
async function left(): Promise<Left> {
  for (let tries = 0; ; tries++) {
    const [row] = await own.server.ask(`
      SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE application_name LIKE 'semel%') AS sessions,
             (SELECT count(*)::int FROM pg_locks WHERE pid <> pg_backend_pid() AND pid IN (SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'semel%')) AS locks`)
    const found = row as unknown as Left
    if ((found.sessions === 0 && found.locks === 0) || tries === 100) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.skipIf(!hasServer)('a connection', () => {
  test('is a shard’s own, by name, and goes with it', async () => {
    const table = await made()
    const pipeline = newPipeline()
    const connections = await Promise.all(
      [0, 1, 2].map((shard) => connect(own.server.url, { table }, { pipeline, shard })),
    )
    const rows = await own.server.ask(
      `SELECT application_name AS name FROM pg_stat_activity WHERE application_name LIKE 'semel%' ORDER BY 1`,
    )
    expect(rows.map(({ name }) => name)).toEqual([0, 1, 2].map((at) => `semel ${pipeline}/${at}`))
    for (const connection of connections) await connection.close()
    expect(await left()).toEqual({ sessions: 0, locks: 0 })
  })

  test('leaves nothing behind after some hundred openings, whatever failed in them', async () => {
    const table = await made('id int CHECK (id > 0)')
    const pipeline = newPipeline()
    const ways = [
      { table },
      { table, prepared: true },
      { sql: `INSERT INTO ${table} SELECT unnest($1::int[])`, parameters: ['id'] },
      { table: 'nowhere' },
      { sql: 'INSERT INTO nowhere SELECT $1', parameters: ['id'] },
    ]
    for (let at = 0; at < 300; at++) {
      const options = ways[at % ways.length] as { table: string }
      if (at % ways.length > 2) {
        await thrownBy(() => connect(own.server.url, options))
        continue
      }
      const commit = await committing<unknown>(own.server.url, options, { pipeline })
      if (at % 2 === 0) await commit({ id: 1 })
      else await thrownBy(() => commit({ id: 1 }, { id: -1 }))
      // Closed while something is under way, now and then.
      if (at % 7 === 0) void commit({ id: 2 }).catch(() => {})
      await commit.connection.close()
    }
    expect(await left()).toEqual({ sessions: 0, locks: 0 })
    const [row] = await own.server.ask(
      `SELECT (SELECT count(*)::int FROM semel_commits WHERE pipeline = '${pipeline}') AS commits, (SELECT count(*)::int FROM pg_prepared_xacts) AS prepared`,
    )
    expect(row).toEqual({ commits: 1, prepared: 0 })
  }, 60_000)

  test.each(['its timeout', 'its end'])(
    'takes a statement that waits for a lock along at %s',
    async (at) => {
      const table = await made()
      const holder = new Client(own.server.url)
      await holder.connect()
      await holder.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
      try {
        for (const host of ['127.0.0.1', own.server.folder]) {
          const address = { host, port: own.server.port, user: 'postgres', database: 'postgres' }
          const waiting = await committing<unknown>(address, {
            timeout: at === 'its timeout' ? '200ms' : '30s',
            async write(transaction) {
              await transaction.query(`INSERT INTO ${table} VALUES (1)`)
            },
          })
          const thrown = thrownBy(() => waiting(1))
          if (at === 'its end') {
            await new Promise((resolve) => setTimeout(resolve, 50))
            await waiting.connection.close()
          }
          expect(await thrown).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
          expect(await left()).toEqual({ sessions: 0, locks: 0 })
        }
      } finally {
        await holder.end()
      }
    },
  )

  test('keeps statements in its session only where it is told to, and few', async () => {
    const table = await made('id int, a int, b int, c int, d int, e int, f int')
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const counts: number[] = []
    for (const prepared of [false, true]) {
      const commit = await committing<unknown>(own.server.url, {
        prepared,
        async write(transaction, [bits]) {
          const { rows } = await transaction.query(
            'SELECT count(*)::int AS count FROM pg_prepared_statements',
          )
          if (bits === 'count') counts.push(rows[0]?.['count'] as number)
        },
      })
      await commit('count')
      const writing = await committing<unknown>(own.server.url, { table, prepared })
      for (let bits = 0; bits < 2 ** names.length; bits++) {
        const given = names.filter((_, at) => (bits >> at) % 2 === 1)
        await writing({ id: bits, ...Object.fromEntries(given.map((name) => [name, 1])) })
      }
    }
    expect(counts[0]).toBe(0)
    expect(counts[1]).toBeGreaterThan(0)
    expect((await own.server.ask(`SELECT FROM ${table}`)).length).toBe(2 ** (names.length + 1))
  })

  test('takes its place and its user from an object, or the environment', async () => {
    const table = await made()
    const { port, folder } = own.server
    const of = async (address: PostgresAddress): Promise<TransactionalConnection<unknown>> => {
      const context: SinkContext = {
        pipeline: newPipeline(),
        shard: 0,
        shards: 1,
        epoch: 1,
        durability: 'process',
      }
      const connection = await postgres(address, { table }).connect(context)
      return connection as TransactionalConnection<unknown>
    }
    for (const address of [
      { host: '127.0.0.1', port, user: 'postgres', database: 'postgres', password: () => 'any' },
      { host: folder, port, user: 'postgres', database: 'postgres' },
    ]) {
      const connection = await of(address)
      expect(await connection.begin('A')).toMatchObject({ epoch: 1 })
      await connection.close()
    }
    Object.assign(process.env, { PGHOST: folder, PGPORT: String(port), PGUSER: 'postgres' })
    try {
      const connection = await of({})
      await connection.close()
    } finally {
      for (const name of ['PGHOST', 'PGPORT', 'PGUSER']) delete process.env[name]
    }
  })
})

describe.skipIf(!hasServer)('the tables', () => {
  test('are made once, however many open at a time', async () => {
    const table = await made()
    await own.server.ask('DROP TABLE IF EXISTS semel_commits')
    await Promise.all(Array.from({ length: 10 }, () => connect(own.server.url, { table })))
    expect(await own.server.ask('SELECT FROM semel_commits')).toEqual([])
  })

  test('are made by whoever may, and then used with the least privileges', async () => {
    await own.server.ask(`
      CREATE ROLE app LOGIN; CREATE SCHEMA market;
      CREATE TABLE market.bars (id int PRIMARY KEY, n int);
      GRANT USAGE ON SCHEMA market TO app; GRANT INSERT ON market.bars TO app`)
    const url = own.server.url.replace('postgres@', 'app@')
    const options = { table: 'bars', schema: 'market' }
    const thrown = await thrownBy(() => connect(url, options))
    expect(thrown).toMatchObject({ code: 'SEMEL_SINK', retriable: false })
    expect(thrown.message).toMatch(
      /this user may not make the table semel_commits, .* by semel postgres init/,
    )
    await initPostgres(own.server.url, { schema: 'market', role: 'app' })
    await initPostgres(own.server.url, { schema: 'market', role: 'app' })
    const commit = await committing<unknown>(url, options, {
      durability: { interval: '1s' } as never,
    })
    await commit({ id: 1, n: 1 })
    await commit.connection.write([{ id: 2, n: 1 }], positionAt(1))
    await commit.connection.flush?.()
    // Keys need to be looked at, and what is there changed.
    const keyed = await committing<unknown>(url, {
      ...options,
      key: ['id'],
      deletes: (row: unknown) => (row as { n: number }).n === 0,
    })
    expect(await thrownBy(() => keyed({ id: 1, n: 2 }))).toMatchObject({ code: 'SEMEL_SINK' })
    await own.server.ask('GRANT SELECT, UPDATE ON market.bars TO app')
    await keyed({ id: 1, n: 2 })
    expect(await thrownBy(() => keyed({ id: 2, n: 0 }))).toMatchObject({ code: 'SEMEL_SINK' })
    await own.server.ask('GRANT DELETE ON market.bars TO app')
    await keyed({ id: 2, n: 0 })
    expect(await own.server.ask('SELECT * FROM market.bars')).toEqual([{ id: 1, n: 2 }])
  })

  test('are told as statements too', async () => {
    await own.server.ask('CREATE SCHEMA "an ""odd"" one"; CREATE ROLE "an app"')
    const sql = postgresTables({ schema: 'an "odd" one', role: 'an app' })
    await own.server.ask(sql)
    await own.server.ask(sql)
    const [row] = await own.server.ask(
      `SELECT has_table_privilege('an app', '"an ""odd"" one".semel_commits', 'SELECT, INSERT, UPDATE') AS may, has_table_privilege('an app', '"an ""odd"" one".semel_commits', 'DELETE') AS too`,
    )
    expect(row).toEqual({ may: true, too: false })
    expect(postgresTables()).toMatch(/^CREATE TABLE IF NOT EXISTS semel_commits \(/)
  })
})

describe.skipIf(!hasServer || !hasPooler)('behind a pooler of transactions', () => {
  let pooler: Pooler
  let url: string
  beforeAll(async () => {
    pooler = await Pooler.start(own.server)
    url = pooler.url
  })
  afterAll(() => pooler?.dispose())

  test('eight shards commit over two sessions, each its own', async () => {
    const table = await made('id int PRIMARY KEY, shard int CHECK (shard < 8)')
    const pipeline = newPipeline()
    const ways = [
      { table },
      {
        sql: `INSERT INTO ${table} SELECT * FROM unnest($1::int[], $2::int[])`,
        parameters: ['id', 'shard'],
      },
      { table, key: ['id'] },
      {
        async write(
          transaction: { query(sql: string, values: readonly unknown[]): Promise<unknown> },
          rows: readonly { id: number; shard: number }[],
        ) {
          for (const { id, shard } of rows) {
            await transaction.query(`INSERT INTO ${table} VALUES ($1, $2)`, [id, shard])
          }
        },
      },
    ]
    const commits = await Promise.all(
      Array.from({ length: 8 }, (_, shard) =>
        committing<unknown>(url, ways[shard % ways.length] as never, { pipeline, shard }),
      ),
    )
    await Promise.all(
      commits.map(async (commit, shard) => {
        for (let n = 0; n < 20; n++) {
          const rows = [0, 1].map((at) => ({ id: 100 * shard + 2 * n + at, shard }))
          const bad = { id: 9000 + shard, shard: 8 }
          if (n % 5 === 0) await thrownBy(() => commit(...rows, bad))
          else await commit(...rows)
        }
      }),
    )
    const [row] = await own.server.ask(
      `SELECT count(*)::int AS count, (SELECT count(DISTINCT shard)::int FROM semel_commits WHERE pipeline = '${pipeline}') AS shards FROM ${table}`,
    )
    expect(row).toEqual({ count: 8 * 16 * 2, shards: 8 })
    const [old] = commits
    await committing(url, { table }, { pipeline })
    expect((await thrownBy(() => old?.({ id: -1, shard: 0 }))).name).toBe('CommitRefused')
  })

  test('a statement that a session keeps is told of', async () => {
    const table = await made()
    const commits = await Promise.all(
      [1, 2, 3].map(() =>
        committing<unknown>(url, { table, prepared: true }).catch((error: unknown) => error),
      ),
    )
    const thrown = commits.find((one) => one instanceof Error)
    if (thrown !== undefined) expect((thrown as Error).message).toMatch(/leave prepared out/)
  })
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

describe.skipIf(!hasServer || !hasOpenssl)('over TLS', () => {
  test('the certificate is checked', async () => {
    const { folder, port } = own.server
    const [key, certificate] = ['key', 'crt'].map((end) => join(folder, `server.${end}`)) as [
      string,
      string,
    ]
    execFileSync(
      'openssl',
      // prettier-ignore
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
      { stdio: 'ignore' },
    )
    const by = owner()
    if (by !== undefined) for (const file of [key, certificate]) chownSync(file, by.uid, by.gid)
    await own.server.kill()
    await own.server.run({ ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key })
    const table = await made()
    const address = { host: 'localhost', port, user: 'postgres', database: 'postgres' }
    const context: SinkContext = {
      pipeline: newPipeline(),
      shard: 0,
      shards: 1,
      epoch: 1,
      durability: 'process',
    }
    const ca = readFileSync(certificate, 'utf8')
    const sink = postgres({ ...address, ssl: { ca } }, { table })
    const connection = (await sink.connect(context)) as TransactionalConnection<unknown>
    expect(await connection.begin('A')).toMatchObject({ epoch: 1 })
    const rows = await own.server.ask(
      `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'semel%'`,
    )
    expect(rows).toEqual([{ ssl: true }])
    await connection.close()
    const unknown = await thrownBy(() =>
      postgres({ ...address, ssl: true }, { table }).connect(context),
    )
    expect(unknown).toMatchObject({ code: 'SEMEL_SINK', retriable: false })
    expect(unknown.message).toMatch(/self-signed certificate; check ssl/)
  })
})
