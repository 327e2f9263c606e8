import { Client, type Pool } from 'pg'
import type { Recalled } from 'semel/http'
import { accounts, type Entry } from './payment.js'

/** The example's own, so that it can be run against any database. */
export const schema = 'semel_payments'

/**
 * Entries have no unique key, and nothing says that they add up: what is booked twice, or by half, is to
 * be seen. One that is foreign refuses what no account has.
 */
const tables = `
  DROP SCHEMA IF EXISTS ${schema} CASCADE;
  CREATE SCHEMA ${schema};
  CREATE TABLE ${schema}.accounts (name text PRIMARY KEY);
  CREATE TABLE ${schema}.entries (
    payment text NOT NULL,
    account text NOT NULL REFERENCES ${schema}.accounts,
    cents bigint NOT NULL,
    fingerprint text NOT NULL);
  CREATE INDEX ON ${schema}.entries (payment)`

/** An empty ledger, in the stead of what was there. */
export async function makeLedger(url: string): Promise<void> {
  await asking(url, async (client) => {
    await client.query(tables)
    await client.query(`INSERT INTO ${schema}.accounts SELECT unnest($1::text[])`, [accounts])
  })
}

/** What became of a payment, where it was booked. */
export async function recalled(pool: Pool, id: string): Promise<Recalled | undefined> {
  const { rows } = await pool.query<{ fingerprint: string; cents: string }>(
    `SELECT fingerprint, cents FROM ${schema}.entries WHERE payment = $1 AND cents > 0 LIMIT 1`,
    [id],
  )
  const [row] = rows
  return row && { fingerprint: row.fingerprint, result: { booked: Number(row.cents) } }
}

/** All that is booked. */
export function entriesIn(url: string): Promise<Entry[]> {
  return asking(url, async (client) => {
    const { rows } = await client.query<Entry & { cents: string }>(
      `SELECT payment, account, cents, fingerprint FROM ${schema}.entries`,
    )
    return rows.map((row) => ({ ...row, cents: Number(row.cents) }))
  })
}

async function asking<R>(url: string, run: (client: Client) => Promise<R>): Promise<R> {
  const client = new Client(url)
  await client.connect()
  try {
    return await run(client)
  } finally {
    await client.end()
  }
}
