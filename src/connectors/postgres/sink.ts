import type { Sink, SinkContext } from '../../core/sink.js'
import { PostgresConnection } from './connection.js'
import { loadDriver } from './driver.js'
import { checkPostgresOptions } from './check-options.js'
import type { PostgresAddress, PostgresOptions } from './options.js'

/**
 * A sink that writes to a PostgreSQL database: each output a row of a table, the parameters of a
 * statement, or what a function of yours does in the commit's transaction. It takes the package `pg`, an
 * optional peer, and a server of version 12 or later.
 *
 * Transactional: the commit's number is kept in the table `semel_commits` of the same database, which is
 * made where it is missing and that is allowed. In the common case a commit is one statement. Each shard
 * has a connection, which keeps nothing in its session, so that a pooler may be in between.
 *
 * Values go by the types of the columns; what a column can't hold as it is, is refused and ends as a dead
 * letter, as does what violates a constraint: docs/guide/databases.md says what each type takes.
 *
 * @param address a connection string, or its parts; `{}`: as the environment says (PGHOST …)
 * @typeParam T what it takes
 * @throws InvalidArgumentError for options that can't be used. When it is opened: SemelError `SEMEL_SINK`
 * where there is no such database, table, column or privilege, `SEMEL_MISSING_PEER` without `pg`,
 * `SEMEL_FORMAT` where a newer version has made its `semel_commits`; a server that can't be reached is
 * asked again
 * @example postgres('postgres://app@db/market', { table: 'bars', key: ['symbol', 'minute'] })
 * @example
 * postgres(config.pg, {
 *   sql: 'INSERT INTO bars SELECT * FROM unnest($1::text[], $2::numeric[]) ON CONFLICT DO NOTHING',
 *   parameters: ['symbol', 'close'],
 * })
 */
export function postgres<T = unknown>(
  address: PostgresAddress,
  options: PostgresOptions<T>,
): Sink<T, 'transactional'> {
  const checked = checkPostgresOptions(address, options)
  const { target } = checked
  const name =
    'table' in target
      ? `postgres(${target.table})`
      : `postgres(${'sql' in target ? 'a statement' : 'a function'})`
  return Object.freeze({
    name,
    kind: 'transactional' as const,
    async connect(context: SinkContext) {
      return PostgresConnection.open(await loadDriver(), name, context, checked)
    },
  })
}
