import { resolve } from 'node:path'
import { InvalidArgumentError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { Sink, SinkContext } from '../../core/sink.js'
import { SqliteConnection } from './connection.js'
import { loadDriver } from './driver.js'
import { checkSqliteOptions, type SqliteOptions } from './options.js'

/**
 * A sink that writes to a SQLite database: each output a row of a table, or the parameters of a
 * statement. A relative path starts from the current directory at the time of opening; the database is
 * there already, with its table. It takes the package `better-sqlite3`, an optional peer.
 *
 * Transactional: the commit's number is kept in the table `semel_commits` of the same database, which is
 * made where it is missing, and is written in the transaction that writes the outputs. Shards, processes
 * and pipelines may share a database; they take turns.
 *
 * What SQLite can't hold as it is, is refused and ends as a dead letter: NaN, undefined, Date, objects,
 * booleans (but in a column that is declared BOOLEAN, as 1 and 0), integers beyond 64 bits, texts with
 * half a surrogate pair. So is what a column would turn into something else: a number in a text column,
 * a text of digits in a numeric one. −0 becomes 0. A row that violates a constraint is refused alone.
 *
 * @typeParam T what it takes
 * @throws InvalidArgumentError for options that can't be used. When it is opened: SemelError `SEMEL_SINK`
 * where there is no such database, table or column, `SEMEL_MISSING_PEER` without `better-sqlite3`,
 * `SEMEL_FORMAT` where a newer version has made its `semel_commits`
 * @example sqlite('market.db', { table: 'bars', columns: ['symbol', 'minute', 'close'] })
 * @example sqlite('market.db', { sql: 'INSERT INTO bars VALUES (@symbol, @minute, @close)' })
 */
export function sqlite<T = unknown>(
  path: string,
  options: SqliteOptions<T>,
): Sink<T, 'transactional'> {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new InvalidArgumentError(`sqlite: ${shown(path)} is not a path; give the database's file`)
  }
  if (path === ':memory:') {
    throw new InvalidArgumentError(
      "sqlite: a database in memory is each connection's own; give the database's file",
    )
  }
  const checked = checkSqliteOptions(options)
  return Object.freeze({
    name: `sqlite(${path})`,
    kind: 'transactional' as const,
    async connect(context: SinkContext) {
      const driver = await loadDriver()
      return SqliteConnection.open(driver, resolve(context.base ?? '', path), context, checked)
    },
  })
}
