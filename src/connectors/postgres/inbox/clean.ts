import { postgresError, sqlStateOf } from '../errors.js'
import {
  checkCleanInbox,
  checkClient,
  type CleanInboxOptions,
  type InboxClient,
} from './options.js'
import { inboxSql, withoutPrivilege } from './table.js'
import { ask, type Asked } from './transaction.js'

/** Ids that are forgotten by one statement, which is so long at most. */
const rowsMax = 1000

/**
 * Forgets ids of `inbox` that are older than the window, the oldest first. Each thousand is a
 * transaction of its own, and steps around what somebody else has locked, so that nobody waits for it for
 * long; several may clean at a time.
 *
 * @returns how many it has forgotten; where that is `max`, there may be more
 * @throws InvalidArgumentError; SemelError `SEMEL_SINK`, `SEMEL_UNAVAILABLE`
 * @example const count = await cleanInbox(client, { window: '7d', scope: 'payments' })
 */
export async function cleanInbox(client: InboxClient, options: CleanInboxOptions): Promise<number> {
  checkClient(client, 'cleanInbox')
  const { windowMs, scope, schema, max } = checkCleanInbox(options)
  const table = inboxSql(schema)
  let count = 0
  while (count < max) {
    const limit = Math.min(rowsMax, max - count)
    const forgotten = await forget(client as unknown as Asked, table, [scope, windowMs, limit])
    count += forgotten
    if (forgotten < limit) break
  }
  return count
}

async function forget(
  client: Asked,
  table: string,
  values: readonly [scope: string, windowMs: number, limit: number],
): Promise<number> {
  const old = `SELECT id FROM ${table} WHERE scope = $1 AND at < now() - $2::float8 * interval '1 ms' ORDER BY at LIMIT $3::int FOR UPDATE SKIP LOCKED`
  const sql = `WITH forgotten AS (DELETE FROM ${table} WHERE scope = $1 AND id = ANY (ARRAY(${old})) RETURNING 1)
    SELECT count(*) AS count FROM forgotten`
  try {
    const [row] = await ask(client, sql, values)
    return Number(row?.['count'])
  } catch (thrown) {
    const state = sqlStateOf(thrown)
    // Nobody has ever called.
    if (state === '42P01') return 0
    if (state === '42501') throw withoutPrivilege('cleanInbox', thrown)
    throw postgresError('cleanInbox', 'forget ids', thrown)
  }
}
