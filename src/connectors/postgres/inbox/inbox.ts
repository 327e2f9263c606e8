import { InvalidArgumentError, SemelError } from '../../../core/errors.js'
import { Unavailable } from '../../../core/handler-errors.js'
import { shown } from '../../../core/options.js'
import { postgresError, sqlStateOf } from '../errors.js'
import {
  checkClient,
  checkId,
  checkInbox,
  type CheckedInbox,
  type InboxClient,
  type InboxOptions,
} from './options.js'
import { inboxSql, makeInbox, withoutPrivilege } from './table.js'
import { ask, beginAlone, commit, rollBack, type Asked } from './transaction.js'

/** How a call ended: it has had its effect, or an earlier one with its id had. */
export type Inboxed<R> =
  | { readonly outcome: 'processed'; readonly result: R }
  | { readonly outcome: 'duplicate' }

/** A session has one transaction at a time. */
const busy = new WeakSet<object>()

/** So often an id is looked for that is forgotten in between. */
const triesMax = 10

/**
 * Runs a handler once for an id, whoever calls it how often: its statements and the id are one
 * transaction. For a consumer that is not semel's, and may give a message again.
 *
 * Of several calls with one id at a time one runs, and the others wait for its end: where it has
 * committed they are duplicates, where it has thrown the next one runs. What is thrown leaves nothing
 * behind. The handler writes by the client that it is given, awaits each statement, rests for less than a
 * minute between two, and does not end the transaction.
 *
 * The table `semel_inbox` is made where it is missing and that is allowed. Ids are known until
 * `cleanInbox` forgets them. Nothing is kept in the session, so that a pooler may be in between.
 *
 * @param client a connected `Client` of `pg`, or one that a pool has lent; in no transaction
 * @param id 1 to 255 characters
 * @throws what the handler throws, and the database at its COMMIT; InvalidArgumentError; SemelError
 * `SEMEL_KEY_REUSED` for an id that had another content, `SEMEL_SINK` where the table can't be used or the
 * handler has spoiled the transaction, `SEMEL_UNAVAILABLE` where another call has the id for longer than
 * `timeout` or nobody knows what became of the commit: the same call again finds out
 * @example
 * const { outcome } = await inbox(client, message.id, (client) =>
 *   client.query('UPDATE accounts SET cents = cents + $1 WHERE id = $2', [cents, account]))
 */
export async function inbox<C extends InboxClient, R>(
  client: C,
  id: string,
  handle: (client: C) => R | Promise<R>,
  options?: InboxOptions,
): Promise<Inboxed<R>> {
  checkClient(client, 'inbox')
  const checkedId = checkId(id)
  if (typeof handle !== 'function') {
    throw new InvalidArgumentError(
      `inbox: ${shown(handle)} is not a function; give async (client) => { … }`,
    )
  }
  const checked = checkInbox(options)
  if (busy.has(client)) {
    throw new InvalidArgumentError(
      'inbox: this client has a call under way; await that one, or give another client',
    )
  }
  busy.add(client)
  try {
    const asked = client as unknown as Asked
    const transaction = await take(asked, checkedId, checked)
    if (transaction === undefined) return { outcome: 'duplicate' }
    let result: R
    try {
      result = await handle(client)
    } catch (thrown) {
      await rollBack(asked)
      throw thrown
    }
    await commit(asked, transaction)
    return { outcome: 'processed', result }
  } finally {
    busy.delete(client)
  }
}

/** @returns the number of the transaction that has taken the id; undefined: it was committed before */
async function take(client: Asked, id: string, checked: CheckedInbox): Promise<string | undefined> {
  let isMade = false
  for (;;) {
    const lockTimeout = await beginAlone(client, checked.timeoutMs)
    try {
      const taken = await takeOrFind(client, id, checked, lockTimeout)
      if (taken === undefined) await ask(client, 'ROLLBACK')
      return taken
    } catch (thrown) {
      await rollBack(client)
      if (sqlStateOf(thrown) !== '42P01' || isMade) throw toldOf(id, thrown)
    }
    isMade = true
    await makeInbox(client, checked.schema).catch((thrown: unknown) => {
      throw postgresError('inbox', 'make semel_inbox', thrown)
    })
  }
}

function toldOf(id: string, thrown: unknown): Error {
  const state = sqlStateOf(thrown)
  if (state === '42501') return withoutPrivilege('inbox', thrown)
  if (state !== '55P03') return postgresError('inbox', 'look for the id', thrown)
  return new Unavailable(
    `inbox: another call has had the id ${shown(id)} for longer than timeout; call again`,
    { cause: thrown },
  )
}

/**
 * The insertion waits for whoever has the id without having committed. The time that it may wait is its
 * own: the handler's statements wait as the session says.
 */
async function takeOrFind(
  client: Asked,
  id: string,
  { scope, content, schema }: CheckedInbox,
  lockTimeout: string,
): Promise<string | undefined> {
  const table = inboxSql(schema)
  const hash = content === undefined ? null : `\\x${Buffer.from(content).toString('hex')}`
  for (let tries = 0; tries < triesMax; tries++) {
    const [taken] = await ask(
      client,
      `INSERT INTO ${table} (scope, id, content) VALUES ($1, $2, $3::bytea) ON CONFLICT (scope, id) DO NOTHING
       RETURNING txid_current()::text AS transaction, set_config('lock_timeout', $4, true)`,
      [scope, id, hash, lockTimeout],
    )
    if (taken !== undefined) return taken['transaction'] as string
    const [found] = await ask(
      client,
      `SELECT content IS NULL OR $3::bytea IS NULL OR content = $3::bytea AS same FROM ${table} WHERE scope = $1 AND id = $2`,
      [scope, id, hash],
    )
    if (found?.['same'] === 't') return undefined
    if (found === undefined) continue
    throw new SemelError(
      'SEMEL_KEY_REUSED',
      `inbox: the id ${shown(id)} was handled with another content; give each message an id of its own`,
    )
  }
  throw new Unavailable(`inbox: the id ${shown(id)} comes and goes; call again`)
}
