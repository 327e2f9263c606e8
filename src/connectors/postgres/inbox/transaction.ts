import { InvalidArgumentError, SemelError, toError } from '../../../core/errors.js'
import { Unavailable } from '../../../core/handler-errors.js'
import type { Result } from '../driver.js'
import { postgresError, sqlStateOf } from '../errors.js'
import { texts, type Row } from '../session.js'

/** A client, as it is asked here. */
export interface Asked {
  query(query: {
    readonly text: string
    readonly values?: readonly unknown[]
    readonly types?: typeof texts
  }): Promise<unknown>
}

/** What the newest statement answers, its values as texts. */
export async function ask(
  client: Asked,
  text: string,
  values?: readonly unknown[],
): Promise<readonly Row[]> {
  const query = values === undefined ? { text, types: texts } : { text, values, types: texts }
  const answered = (await client.query(query)) as Result | readonly Result[]
  const result = (Array.isArray(answered) ? answered.at(-1) : answered) as Result
  return result.rows as readonly Row[]
}

/** So long the server waits for the next statement of a transaction, when its client is gone. */
const idleMsMax = 60_000

/**
 * One message that begins a transaction, and finds out whether there was one: its time would be an
 * earlier message's. What it sets ends with it, since the session may be another client's next.
 *
 * A crash of the server must not take back what a caller was told, and then tells its queue.
 */
const begin = (lockMs: number): string => `BEGIN ISOLATION LEVEL READ COMMITTED;
  SELECT now() = statement_timestamp() AS alone, current_setting('lock_timeout') AS lock_timeout,
    set_config('lock_timeout', '${lockMs}', true),
    CASE WHEN current_setting('idle_in_transaction_session_timeout') = '0'
      THEN set_config('idle_in_transaction_session_timeout', '${idleMsMax}', true) END,
    CASE WHEN current_setting('synchronous_commit') = 'off'
      THEN set_config('synchronous_commit', 'on', true) END`

/** @returns what `lock_timeout` was */
export async function beginAlone(client: Asked, lockMs: number): Promise<string> {
  let row: Row | undefined
  try {
    ;[row] = await ask(client, begin(lockMs))
  } catch (thrown) {
    // "25001: SET TRANSACTION ISOLATION LEVEL must be called before any query"; "25P02: … is aborted"
    if (!['25001', '25P02'].includes(sqlStateOf(thrown) ?? '')) {
      throw postgresError('inbox', 'begin', thrown)
    }
  }
  if (row?.['alone'] === 't') return row['lock_timeout'] as string
  throw new InvalidArgumentError(
    'inbox: this client is in a transaction already, and another one would end with it; give a client that is in none',
  )
}

/** Takes back what has not been committed; a connection that is lost does so by itself. */
export async function rollBack(client: Asked): Promise<void> {
  await ask(client, 'ROLLBACK').catch(() => {})
}

/**
 * @param transaction the server's number of it, by which it is found to be the same one still
 * @throws Unavailable where nobody knows what became of it
 */
export async function commit(client: Asked, transaction: string): Promise<void> {
  const isSame = `txid_current_if_assigned() IS NOT DISTINCT FROM ${BigInt(transaction)}`
  try {
    await ask(client, `SELECT 1 / (${isSame})::int; COMMIT`)
  } catch (thrown) {
    await rollBack(client)
    const state = sqlStateOf(thrown)
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: the connection, an operator
    if (state === undefined || ['08', '57'].includes(state.slice(0, 2))) {
      throw new Unavailable(
        `inbox: nobody knows what became of the commit: ${toError(thrown).message}; call again with the same id`,
        { cause: thrown },
      )
    }
    if (state === '25P02') {
      throw new SemelError(
        'SEMEL_SINK',
        'inbox: a statement of the handler has failed, so that all of it is undone; let the handler throw what it throws, or take a SAVEPOINT',
        { cause: thrown },
      )
    }
    if (state !== '22012') throw thrown
    throw new SemelError(
      'SEMEL_SINK',
      'inbox: the handler has ended the transaction, so that its effect and its id may part; leave BEGIN, COMMIT and ROLLBACK out',
      { cause: thrown },
    )
  }
}
