import { Client, Pool } from 'pg'
import { cleanInbox, inbox, inboxTable } from 'semel/postgres'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ownServer, thrownBy } from './database.js'
import { hasServer } from './server.js'

const own = ownServer()
const clients: Client[] = []

beforeEach(async () => {
  if (!hasServer) return
  await own.server.ask('DROP TABLE IF EXISTS semel_inbox, effects; CREATE TABLE effects (id text)')
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end()
})

async function connected(url = own.server.url): Promise<Client> {
  const client = new Client(url)
  client.on('error', () => {})
  await client.connect()
  clients.push(client)
  return client
}

const failing = (client: Client) => client.query('INSERT INTO nowhere VALUES (1)')
const effect = (id: string) => async (client: Client) => {
  await client.query('INSERT INTO effects VALUES ($1)', [id])
  return `${id} is done`
}

async function effects(): Promise<string[]> {
  const rows = await own.server.ask('SELECT id FROM effects ORDER BY id')
  return rows.map(({ id }) => id as string)
}

async function known(): Promise<string[]> {
  const rows = await own.server.ask('SELECT id FROM semel_inbox ORDER BY id')
  return rows.map(({ id }) => id as string)
}

/** A promise, and what resolves it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let resolve: (() => void) | undefined
  const opened = new Promise<void>((given) => (resolve = given))
  return { opened, open: () => resolve?.() }
}

/** Until so many statements wait for another transaction. */
async function untilWaiting(count: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const [row] = await own.server.ask(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event = 'transactionid'`,
    )
    if (row?.['count'] === count) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('nobody waits')
}

/** Until a call has its id. */
async function untilTaken(): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const taken = await own.server.ask(`SELECT FROM pg_locks WHERE locktype = 'transactionid'`)
    if (taken.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('nobody has taken it')
}

describe.skipIf(!hasServer)('an inbox', () => {
  test('runs a handler once for an id, and says so', async () => {
    const client = await connected()
    expect(await inbox(client, 'a', effect('a'))).toEqual({
      outcome: 'processed',
      result: 'a is done',
    })
    expect(await inbox(client, 'a', effect('a'))).toEqual({ outcome: 'duplicate' })
    expect(await inbox(client, 'b', effect('b'))).toMatchObject({ outcome: 'processed' })
    expect(await effects()).toEqual(['a', 'b'])
  })

  test('of ten calls at a time one runs, and the others wait for it', async () => {
    const { opened, open } = gate()
    const calls = Array.from({ length: 10 }, async () => {
      return inbox(await connected(), 'a', async (client) => {
        await opened
        return effect('a')(client)
      })
    })
    await untilWaiting(9)
    open()
    const outcomes = (await Promise.all(calls)).map(({ outcome }) => outcome)
    expect(outcomes.toSorted()).toEqual([...Array<string>(9).fill('duplicate'), 'processed'])
    expect(await effects()).toEqual(['a'])
  })

  test('a handler that throws leaves nothing, and the next one that waits runs', async () => {
    const { opened, open } = gate()
    const wrong = new Error('no such account')
    const thrown = thrownBy(async () =>
      inbox(await connected(), 'a', async (client) => {
        await effect('a')(client)
        await opened
        throw wrong
      }),
    )
    await untilTaken()
    const waiting = inbox(await connected(), 'a', effect('a'))
    await untilWaiting(1)
    open()
    expect(await thrown).toBe(wrong)
    expect(await waiting).toMatchObject({ outcome: 'processed' })
    expect(await effects()).toEqual(['a'])
  })

  test('a statement that fails is thrown as it is, and one that is caught undoes all of it', async () => {
    const client = await connected()
    expect(await thrownBy(() => inbox(client, 'a', failing))).toMatchObject({ code: '42P01' })
    const caught = await thrownBy(() =>
      inbox(client, 'a', async (one) => {
        await effect('a')(one)
        await failing(one).catch(() => {})
      }),
    )
    expect(caught).toMatchObject({ code: 'SEMEL_SINK' })
    expect(caught.message).toMatch(/a statement of the handler has failed/)
    expect([await effects(), await known()]).toEqual([[], []])
  })

  test('what is refused by its COMMIT alone leaves nothing', async () => {
    await own.server.ask(
      `ALTER TABLE effects ADD CONSTRAINT once UNIQUE (id) DEFERRABLE INITIALLY DEFERRED; INSERT INTO effects VALUES ('a')`,
    )
    const thrown = await thrownBy(async () => inbox(await connected(), 'a', effect('a')))
    expect(thrown).toMatchObject({ code: '23505' })
    expect(await known()).toEqual([])
  })

  test.each(['COMMIT', 'ROLLBACK', 'COMMIT; BEGIN', 'ROLLBACK; BEGIN'])(
    'a handler that ends the transaction by %s is told so',
    async (sql) => {
      const thrown = await thrownBy(async () =>
        inbox(await connected(), 'a', async (client) => client.query(sql)),
      )
      expect(thrown).toMatchObject({ code: 'SEMEL_SINK' })
      expect(thrown.message).toMatch(/has ended the transaction/)
    },
  )

  test('an id again with other content is refused, where content is given', async () => {
    const client = await connected()
    const pay = (content?: string | Uint8Array) =>
      inbox(client, 'a', effect('a'), content === undefined ? {} : { content })
    await pay('500 cents')
    expect(await pay('500 cents')).toEqual({ outcome: 'duplicate' })
    expect(await pay(Buffer.from('500 cents'))).toEqual({ outcome: 'duplicate' })
    expect(await pay()).toEqual({ outcome: 'duplicate' })
    expect(await thrownBy(() => pay('600 cents'))).toMatchObject({
      code: 'SEMEL_KEY_REUSED',
      retriable: false,
    })
    expect(await effects()).toEqual(['a'])
  })

  test('ids are their scope’s, and compared by their bytes', async () => {
    const client = await connected()
    for (const [id, scope] of [
      ['a', 'orders'],
      ['a', 'refunds'],
      ['A', 'orders'],
      ['\u00e9', 'orders'],
      ['e\u0301', 'orders'],
      [' a', 'orders'],
    ] as const) {
      const { outcome } = await inbox(client, id, effect(id), { scope })
      expect(outcome).toBe('processed')
    }
  })

  test('who waits for too long is told to come again, and nothing has been left set', async () => {
    const { opened, open } = gate()
    const first = inbox(await connected(), 'a', async (client) => {
      await opened
      return effect('a')(client)
    })
    const client = await connected()
    await client.query(`SET lock_timeout = '7s'`)
    await untilTaken()
    const thrown = await thrownBy(() => inbox(client, 'a', effect('a'), { timeout: '50ms' }))
    expect(thrown).toMatchObject({ code: 'SEMEL_UNAVAILABLE', retriable: true })
    open()
    await first
    expect(await inbox(client, 'a', effect('a'))).toEqual({ outcome: 'duplicate' })
    const seen = await inbox(
      client,
      'b',
      async (one) => (await one.query('SHOW lock_timeout')).rows,
    )
    expect(seen).toEqual({ outcome: 'processed', result: [{ lock_timeout: '7s' }] })
    expect((await client.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '7s' }])
    expect((await client.query('SHOW idle_in_transaction_session_timeout')).rows).toEqual([
      { idle_in_transaction_session_timeout: '0' },
    ])
  })

  test('a client that is in a transaction, or in a call, is refused', async () => {
    const client = await connected()
    await client.query('BEGIN')
    await client.query(`INSERT INTO effects VALUES ('mine')`)
    const refused = { code: 'SEMEL_INVALID_ARGUMENT' }
    expect(await thrownBy(() => inbox(client, 'a', effect('a')))).toMatchObject(refused)
    await client.query('COMMIT')
    expect(await effects()).toEqual(['mine'])
    await inbox(client, 'b', async (one) => {
      expect(await thrownBy(() => inbox(one, 'c', effect('c')))).toMatchObject(refused)
      return effect('b')(one)
    })
    expect(await effects()).toEqual(['b', 'mine'])
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1')
    expect(await thrownBy(() => inbox(client, 'a', effect('a')))).toMatchObject(refused)
    expect(await thrownBy(() => inbox(client, 'a', effect('a')))).toMatchObject(refused)
    await client.query('ROLLBACK')
    expect(await inbox(client, 'a', effect('a'))).toMatchObject({ outcome: 'processed' })
  })

  test('what can not be used is refused by name', async () => {
    const client = await connected()
    const pool = new Pool({ connectionString: own.server.url })
    const wrong: [call: () => unknown, message: RegExp][] = [
      [() => inbox(pool, 'a', () => 1), /a pool is not a client/],
      [() => inbox(undefined as never, 'a', () => 1), /undefined is not a client/],
      [() => inbox(client, '', () => 1), /"" is not an id/],
      [() => inbox(client, 7 as never, () => 1), /7 is not an id/],
      [() => inbox(client, 'a\0', () => 1), /is not an id/],
      [() => inbox(client, '\ud800', () => 1), /is not an id/],
      [() => inbox(client, 'x'.repeat(256), () => 1), /1 to 255 characters/],
      [() => inbox(client, 'a', 1 as never), /1 is not a function/],
      [() => inbox(client, 'a', () => 1, { timeout: '2h' }), /inbox\.timeout: "2h"/],
      [() => inbox(client, 'a', () => 1, { content: {} as never }), /inbox\.content/],
      [() => inbox(client, 'a', () => 1, { scope: 1 as never }), /inbox\.scope/],
      [() => inbox(client, 'a', () => 1, { schema: '' }), /inbox\.schema/],
      [() => inbox(client, 'a', () => 1, { window: '1d' } as never), /no option "window"/],
      [() => cleanInbox(pool, { window: '1d' }), /a pool is not a client/],
      [() => cleanInbox(client, {} as never), /cleanInbox\.window/],
      [() => cleanInbox(client, { window: '1d', max: 0 }), /cleanInbox\.max/],
      [async () => inboxTable({ role: '' }), /inboxTable\.role/],
    ]
    for (const [call, message] of wrong) {
      const thrown = await thrownBy(call)
      expect(thrown).toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
      expect(thrown.message).toMatch(message)
    }
    await pool.end()
  })

  test('a pool’s client is as good as any', async () => {
    const pool = new Pool({ connectionString: own.server.url, max: 3 })
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, async (_, at) => {
        const client = await pool.connect()
        try {
          return await inbox(client, String(at % 4), async (one) =>
            one.query('INSERT INTO effects VALUES ($1)', [String(at % 4)]),
          )
        } finally {
          client.release()
        }
      }),
    )
    expect(outcomes.filter(({ outcome }) => outcome === 'processed')).toHaveLength(4)
    expect(await effects()).toEqual(['0', '1', '2', '3'])
    await pool.end()
  })
})

describe.skipIf(!hasServer)('the table of ids', () => {
  test('is made once, however many call at first', async () => {
    const calls = Array.from({ length: 8 }, async (_, at) =>
      inbox(await connected(), `${at}`, effect(`${at}`)),
    )
    await Promise.all(calls)
    expect(await known()).toHaveLength(8)
  })

  test('is made by whoever may, and then used with the least privileges', async () => {
    await own.server.ask(`
      CREATE ROLE caller LOGIN; CREATE SCHEMA shop;
      GRANT USAGE ON SCHEMA shop TO caller; GRANT INSERT ON effects TO caller`)
    const client = await connected(own.server.url.replace('postgres@', 'caller@'))
    const options = { schema: 'shop' }
    const thrown = await thrownBy(() => inbox(client, 'a', effect('a'), options))
    expect(thrown).toMatchObject({ code: 'SEMEL_SINK', retriable: false })
    expect(thrown.message).toMatch(/run what inboxTable\(/)
    await own.server.ask(inboxTable({ schema: 'shop' }))
    for (const call of [
      () => inbox(client, 'a', effect('a'), options),
      () => cleanInbox(client, { window: 0, ...options }),
    ]) {
      const refused = await thrownBy(call)
      expect(refused).toMatchObject({ code: 'SEMEL_SINK', retriable: false })
      expect(refused.message).toMatch(/permission denied .*; run what inboxTable\(/)
    }
    const sql = inboxTable({ schema: 'shop', role: 'caller' })
    await own.server.ask(sql)
    await own.server.ask(sql)
    expect(await inbox(client, 'a', effect('a'), options)).toMatchObject({ outcome: 'processed' })
    expect(await inbox(client, 'a', effect('a'), options)).toEqual({ outcome: 'duplicate' })
    expect(await cleanInbox(client, { window: 0, ...options })).toBe(1)
  })

  test('forgets what is older than a window, in parts, and of one scope', async () => {
    const client = await connected()
    expect(await cleanInbox(client, { window: '1d' })).toBe(0)
    await inbox(client, 'new', effect('new'))
    await own.server.ask(`
      INSERT INTO semel_inbox (scope, id, at)
        SELECT '', 'old ' || n, now() - interval '1 day 1 hour' - n * interval '1 s' FROM generate_series(1, 2500) AS n;
      INSERT INTO semel_inbox (scope, id, at) VALUES ('other', 'old', now() - interval '9 days'), ('', 'young', now() - interval '23 hours')`)
    expect(await cleanInbox(client, { window: '1d', max: 1200 })).toBe(1200)
    // The oldest first.
    const [row] = await own.server.ask(
      `SELECT count(*)::int AS count FROM semel_inbox WHERE id LIKE 'old _%' AND substr(id, 5)::int > 1300`,
    )
    expect(row).toEqual({ count: 0 })
    expect(await cleanInbox(client, { window: '1d' })).toBe(1300)
    expect(await cleanInbox(client, { window: '1d' })).toBe(0)
    expect(await known()).toEqual(['new', 'old', 'young'])
    expect(await cleanInbox(client, { window: '1d', scope: 'other' })).toBe(1)
    expect(await inbox(client, 'old 7', effect('old 7'))).toMatchObject({ outcome: 'processed' })
  })

  test('is cleaned around what somebody has locked, without waiting', async () => {
    const client = await connected()
    await cleanInbox(client, { window: 0 })
    await own.server.ask(inboxTable())
    await own.server.ask(
      `INSERT INTO semel_inbox (scope, id, at) SELECT '', n::text, now() - interval '1 day' FROM generate_series(1, 5) AS n`,
    )
    const holder = await connected()
    await holder.query(`BEGIN; SELECT FROM semel_inbox WHERE id = '3' FOR UPDATE`)
    expect(await cleanInbox(client, { window: '1h' })).toBe(4)
    await holder.query('ROLLBACK')
    expect(await cleanInbox(client, { window: '1h' })).toBe(1)
  })

  test('a call waits for no more than one part of a cleaning, and runs behind it', async () => {
    const client = await connected()
    await inbox(client, 'a', effect('a'))
    const cleaning = await connected()
    await cleaning.query(`BEGIN; DELETE FROM semel_inbox`)
    const waiting = inbox(client, 'a', effect('a'))
    await untilWaiting(1)
    await cleaning.query('COMMIT')
    expect(await waiting).toMatchObject({ outcome: 'processed' })
    expect(await effects()).toEqual(['a', 'a'])
  })
})
