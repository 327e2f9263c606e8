import { positionAt } from 'semel/testing'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { connect as dial } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { loadDriver } from '../../../src/connectors/postgres/driver.js'
import { committing, connect, newPipeline, ownServer, thrownBy, lastOf } from './database.js'
import { freePort, hasServer, owner } from './server.js'

const own = ownServer()
const position = positionAt(1)
let tables = 0

async function made(columns = 'id int'): Promise<string> {
  const table = `failures_${++tables}`
  await own.server.ask(`CREATE TABLE ${table} (${columns})`)
  return table
}

const mounted: string[] = []
afterEach(() => {
  for (const folder of mounted.splice(0)) spawnSync('umount', ['-l', folder])
})

describe.skipIf(!hasServer)('a failure of the server', () => {
  test('that is its end leaves a commit whole or away', async () => {
    const table = await made()
    const pipeline = newPipeline()
    let sum = 0
    for (let life = 0; life < 4; life++) {
      const commit = await committing<{ id: number }>(own.server.url, { table }, { pipeline })
      const { last } = await commit.connection.begin('A')
      await commit.connection.close()
      const again = await committing<{ id: number }>(own.server.url, { table }, { pipeline })
      let answered = last?.n ?? 0
      const rows = Array.from({ length: 200 }, (_, id) => ({ id }))
      const writing = (async () => {
        for (;;) {
          await again(...rows)
          answered += 1
        }
      })()
      const thrown = thrownBy(() => writing)
      await new Promise((resolve) => setTimeout(resolve, 60 + 40 * life))
      await own.server.kill()
      // Nobody knows what became of it: that is neither the rows' failure nor a refusal.
      expect(await thrown).toMatchObject({ code: 'SEMEL_UNAVAILABLE', retriable: true })
      expect(await thrownBy(() => again({ id: 1 }))).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
      expect(await thrownBy(() => connect(own.server.url, { table }))).toMatchObject({
        code: 'SEMEL_UNAVAILABLE',
      })
      await own.server.run()
      const [held] = await own.server.ask(
        `SELECT n::int, (SELECT count(*)::int FROM ${table}) AS count FROM semel_commits WHERE pipeline = '${pipeline}'`,
      )
      expect(held?.['count']).toBe((held?.['n'] as number) * 200)
      // fsync is off in these tests, and the system goes on: what was answered is there.
      expect(held?.['n']).toBeGreaterThanOrEqual(answered)
      expect(held?.['n']).toBeLessThanOrEqual(answered + 1)
      sum += held?.['n'] as number
    }
    expect(sum).toBeGreaterThan(4)
  })

  test('that ends a session is told, and another one begins', async () => {
    const table = await made()
    const pipeline = newPipeline()
    const commit = await committing<{ id: number }>(own.server.url, { table }, { pipeline })
    await commit({ id: 1 })
    await own.server.ask(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'semel ${pipeline}/0'`,
    )
    expect(await thrownBy(() => commit({ id: 2 }))).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
    const again = await committing<{ id: number }>(own.server.url, { table }, { pipeline })
    await again({ id: 2 })
    expect(await lastOf(again.connection)).toMatchObject({ epoch: 2, n: 2 })
  })

  test('that is a dropped table is no row’s', async () => {
    const table = await made()
    const others = [
      { table },
      { sql: `INSERT INTO ${table} SELECT unnest($1::int[])`, parameters: ['id'] },
      {
        write: async (transaction: { query(sql: string): Promise<unknown> }) => {
          await transaction.query(`INSERT INTO ${table} VALUES (1)`)
        },
      },
    ]
    const commits = await Promise.all(
      others.map((options) => committing<{ id: number }>(own.server.url, options as never)),
    )
    await own.server.ask(`DROP TABLE ${table}`)
    for (const commit of commits) {
      const thrown = await thrownBy(() => commit({ id: 1 }, { id: 2 }))
      expect(thrown).toMatchObject({ name: 'SemelError', code: 'SEMEL_SINK' })
    }
    await own.server.ask(`CREATE TABLE ${table} (other int)`)
    const [first] = commits
    expect(await thrownBy(() => first?.({ id: 1 }))).toMatchObject({ code: 'SEMEL_SINK' })
  })

  test('that is a dropped table of commits is told, and beginning makes another', async () => {
    const table = await made()
    const pipeline = newPipeline()
    const commit = await committing<{ id: number }>(own.server.url, { table }, { pipeline })
    await commit({ id: 1 })
    await own.server.ask('DROP TABLE semel_commits')
    expect(await thrownBy(() => commit({ id: 2 }))).toMatchObject({ code: 'SEMEL_SINK' })
    const connection = await connect(own.server.url, { table }, { pipeline })
    expect(await connection.begin('A')).toEqual({ epoch: 1, last: undefined })
    expect(await own.server.ask(`SELECT * FROM ${table}`)).toEqual([{ id: 1 }])
  })

  test('that is an older copy of it is seen by the commit that it holds', async () => {
    const table = await made()
    const pipeline = newPipeline()
    const commit = await committing<{ id: number }>(own.server.url, { table }, { pipeline })
    await commit({ id: 1 })
    await own.server.ask('CREATE TABLE copied AS SELECT * FROM semel_commits')
    await commit({ id: 2 })
    await own.server.ask(`
      DELETE FROM ${table} WHERE id = 2; TRUNCATE semel_commits;
      INSERT INTO semel_commits SELECT * FROM copied; DROP TABLE copied`)
    expect((await thrownBy(() => commit({ id: 3 }))).name).toBe('CommitRefused')
    const again = await connect(own.server.url, { table }, { pipeline })
    expect((await again.begin('A')).last).toMatchObject({ n: 1 })
  })

  test('that takes no writes is told, and passes', async () => {
    const table = await made()
    const commit = await committing<{ id: number }>(own.server.url, { table })
    await own.server.ask('ALTER DATABASE postgres SET default_transaction_read_only = on')
    try {
      const connection = await connect(own.server.url, { table })
      const thrown = await thrownBy(() => connection.write([{ id: 1 }], position))
      expect(thrown).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
      expect(thrown.message).toMatch(/give the primary/)
      expect(await thrownBy(() => connection.begin('A'))).toMatchObject({
        code: 'SEMEL_UNAVAILABLE',
      })
    } finally {
      await own.server.ask(
        'ALTER DATABASE postgres RESET default_transaction_read_only',
        [],
        `${own.server.url}?options=-c%20default_transaction_read_only%3Doff`,
      )
    }
    await commit({ id: 1 })
  })

  test('that is too many connections is told, and passes', async () => {
    const table = await made()
    const [row] = await own.server.ask(`SELECT current_setting('max_connections')::int AS most`)
    const open = []
    try {
      let thrown: Error | undefined
      for (let at = 0; at <= (row?.['most'] as number) && thrown === undefined; at++) {
        try {
          open.push(await connect(own.server.url, { table }))
        } catch (error) {
          thrown = error as Error
        }
      }
      expect(thrown).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
      expect(thrown?.message).toMatch(/too many clients|connection slots/)
    } finally {
      for (const connection of open) await connection.close()
    }
    await connect(own.server.url, { table })
  })

  test('that is a full disk is no row’s, and it goes on when there is space', async (context) => {
    const folder = join(own.server.folder, 'small')
    mkdirSync(folder)
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', folder])
    if (mount.status !== 0) return context.skip('only root may mount a file system')
    mounted.push(folder)
    const by = owner()
    if (by !== undefined) chownSync(folder, by.uid, by.gid)
    await own.server.ask(`CREATE TABLESPACE small LOCATION '${folder}'`)
    await own.server.ask('CREATE TABLE filled (id int, bytes bytea) TABLESPACE small')
    await own.server.ask('ALTER TABLE filled ALTER bytes SET STORAGE EXTERNAL')
    const commit = await committing<unknown>(own.server.url, { table: 'filled' })
    await commit({ id: 1, bytes: null })
    const bytes = Buffer.alloc(1_000_000, 1)
    const many = Array.from({ length: 5 }, (_, id) => ({ id, bytes }))
    expect(await thrownBy(() => commit(...many))).toMatchObject({
      code: 'SEMEL_NO_SPACE',
      retriable: true,
    })
    spawnSync('mount', ['-o', 'remount,size=20m', folder])
    await commit({ id: 2, bytes: Buffer.alloc(1000) })
    expect((await own.server.ask('SELECT id FROM filled')).length).toBe(2)
    await commit.connection.close()
    await own.server.ask('DROP TABLE filled')
    await own.server.ask('DROP TABLESPACE small')
  })

  test('that is a deadlock or a serialization failure is no row’s', async () => {
    const table = await made('id int PRIMARY KEY')
    await own.server.ask(`
      CREATE FUNCTION fail_${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'again' USING ERRCODE = CASE new.id WHEN 1 THEN '40P01' ELSE '40001' END; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION fail_${table}()`)
    const commit = await committing<{ id: number }>(own.server.url, { table })
    for (const id of [1, 2]) {
      expect(await thrownBy(() => commit({ id }))).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
    }
  })

  test('that gives no answer is given up after the timeout', async () => {
    const table = await made()
    const pipeline = newPipeline()
    const options = { table, timeout: '300ms' }
    const commit = await committing<{ id: number }>(own.server.url, options, { pipeline })
    const sql = `BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.2); COMMIT`
    const held = own.server.ask(sql)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const beganMs = performance.now()
    const thrown = await thrownBy(() => commit({ id: 1 }))
    expect(thrown).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
    expect(thrown.message).toMatch(/no answer within 300 ms/)
    expect(performance.now() - beganMs).toBeLessThan(1000)
    await held
    // It may have come later: whoever begins knows.
    const again = await connect(own.server.url, { table }, { pipeline })
    const { last } = await again.begin('A')
    const rows = await own.server.ask(`SELECT * FROM ${table}`)
    expect(rows.length).toBe(last === undefined ? 0 : 1)
  })
})

describe.skipIf(!hasServer)('an answer that is lost', () => {
  test('behind the commit leaves it open, and who begins finds it', async () => {
    const table = await made()
    const pipeline = newPipeline()
    // In between: it passes all on, until it is told to swallow the answers.
    let isDeaf = false
    const sockets: Socket[] = []
    const proxy = createServer((near) => {
      const far = dial(own.server.port, '127.0.0.1')
      sockets.push(near, far)
      near.pipe(far)
      far.on('data', (data) => {
        if (!isDeaf) near.write(data)
        else near.destroy()
      })
      for (const one of [near, far]) one.on('error', () => {})
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroy())
    })
    const port = await freePort()
    await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve))
    try {
      const url = own.server.url.replace(String(own.server.port), String(port))
      const commit = await committing<{ id: number }>(url, { table }, { pipeline })
      await commit({ id: 1 })
      isDeaf = true
      expect(await thrownBy(() => commit({ id: 2 }))).toMatchObject({ code: 'SEMEL_UNAVAILABLE' })
      const again = await connect(own.server.url, { table }, { pipeline })
      expect((await again.begin('A')).last).toMatchObject({ n: 2 })
      expect((await own.server.ask(`SELECT * FROM ${table}`)).length).toBe(2)
    } finally {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => proxy.close(resolve))
    }
  })
})

describe.skipIf(!hasServer)('an opening', () => {
  test.each([
    ['no such table', { table: 'nowhere' }, /no table "nowhere" in the search path; create it/],
    ['no such schema', { table: 'bars', schema: 'nowhere' }, /in the schema "nowhere"/],
    ['no such column', { table: 'sound', columns: ['id', 'x'] }, /no column "x"/],
    ['an unlogged table', { table: 'unlogged' }, /unlogged, and is emptied/],
    ['what is no table', { table: 'counted' }, /takes no rows/],
  ] as const)('with %s is refused', async (_, options, why) => {
    await own.server.ask(`
      CREATE TABLE IF NOT EXISTS sound (id int); CREATE UNLOGGED TABLE IF NOT EXISTS unlogged (id int);
      CREATE SEQUENCE IF NOT EXISTS counted`)
    const thrown = await thrownBy(() => connect(own.server.url, options as never))
    expect(thrown).toMatchObject({ code: 'SEMEL_SINK', retriable: false })
    expect(thrown.message).toMatch(why)
  })

  test('without such a database or user is refused', async () => {
    for (const url of [
      own.server.url.replace(/postgres$/, 'nowhere'),
      own.server.url.replace('postgres@', 'nobody_here@'),
    ]) {
      const thrown = await thrownBy(() => connect(url, { table: 'bars' }))
      expect(thrown).toMatchObject({ code: 'SEMEL_SINK', retriable: false })
    }
  })

  test('where nobody listens says so, and may succeed later', async () => {
    const url = `postgres://postgres@127.0.0.1:${await freePort()}/postgres`
    expect(await thrownBy(() => connect(url, { table: 'bars' }))).toMatchObject({
      code: 'SEMEL_UNAVAILABLE',
      retriable: true,
    })
  })

  test('on the tables of a newer version is refused', async () => {
    const table = await made()
    await connect(own.server.url, { table })
    await own.server.ask(`COMMENT ON TABLE semel_commits IS 'semel: layout 2'`)
    try {
      const thrown = await thrownBy(() => connect(own.server.url, { table }))
      expect(thrown).toMatchObject({ code: 'SEMEL_FORMAT' })
      expect(thrown.message).toMatch(/has layout 2, and this version of semel knows 1/)
    } finally {
      await own.server.ask(`COMMENT ON TABLE semel_commits IS 'semel: layout 1'`)
    }
  })
})

test('the package pg is asked for where it is not installed', async () => {
  expect(await thrownBy(() => loadDriver('pg-that-is-not-there'))).toMatchObject({
    code: 'SEMEL_MISSING_PEER',
    message: 'writing to PostgreSQL takes the package pg; install it: npm install pg',
  })
})
