import { durationMs, type Duration } from '../../core/durations.js'
import { InvalidArgumentError } from '../../core/errors.js'
import { checkOptions, shown } from '../../core/options.js'

interface Common {
  /**
   * - `full`: what was committed outlives a power loss
   * - `normal`: it outlives the process; a power loss may take the newest commits along, which opening
   *   then finds missing
   * @default 'full' at the durability `disk`, otherwise 'normal'
   */
  synchronous?: 'full' | 'normal'
  /**
   * `wal`: the database is given a write-ahead log, so that its readers do not hold up the sink nor the
   * sink them; it keeps it from then on. `keep`: it stays as it is.
   * @default 'wal'
   */
  journal?: 'wal' | 'keep'
  /**
   * How long another connection may hold the lock before the sink counts as unavailable, '0ms'…'1h'. The
   * thread goes on meanwhile.
   * @default '5s'
   */
  busyTimeout?: Duration
}

/** Outputs are rows of a table. */
export interface SqliteTable<T = unknown> extends Common {
  table: string
  /**
   * The columns that an output has, by name; or by column the output's property, or a function of it.
   * Others have their defaults.
   * @default each property of an output is a column
   */
  columns?: Iterable<string> | Readonly<Record<string, string | ((output: T) => unknown)>>
  sql?: never
  parameters?: never
}

/** Outputs are parameters of a statement. */
export interface SqliteStatement<T = unknown> extends Common {
  /** One statement that changes rows and answers none: INSERT, REPLACE, UPDATE, DELETE, or one of these with WITH. */
  sql: string
  /**
   * The values by name (`@id`, `:id`, `$id`), or in order (`?`).
   * @default the output itself
   */
  parameters?: (output: T) => Readonly<Record<string, unknown>> | readonly unknown[]
  table?: never
  columns?: never
}

export type SqliteOptions<T = unknown> = SqliteTable<T> | SqliteStatement<T>

/** From where a column has its value. */
export interface Column {
  readonly name: string
  readonly from: string | ((output: never) => unknown)
}

/** What outputs become. */
export type Target =
  | { readonly table: string; readonly columns: readonly Column[] | undefined }
  | {
      readonly sql: string
      readonly parameters: ((output: never) => unknown) | undefined
    }

export interface Checked {
  readonly target: Target
  readonly synchronous: 'full' | 'normal' | undefined
  readonly journal: 'wal' | 'keep'
  readonly busyMsMax: number
}

const busyMsMax = 3_600_000

/** @throws InvalidArgumentError */
export function checkSqliteOptions(options: unknown): Checked {
  if (options === undefined) {
    throw new InvalidArgumentError(
      "sqlite: there is neither a table nor a statement; give { table: 'bars' } or { sql: 'INSERT …' }",
    )
  }
  const given = checkOptions<Required<SqliteTable> & Required<SqliteStatement>>(options, 'sqlite', [
    'table',
    'columns',
    'sql',
    'parameters',
    'synchronous',
    'journal',
    'busyTimeout',
  ])
  const { synchronous, journal = 'wal', busyTimeout = '5s' } = given
  if (synchronous !== undefined && synchronous !== 'full' && synchronous !== 'normal') {
    throw new InvalidArgumentError(
      `sqlite.synchronous: there is no ${shown(synchronous)}; there are 'full' and 'normal'`,
    )
  }
  if (journal !== 'wal' && journal !== 'keep') {
    throw new InvalidArgumentError(
      `sqlite.journal: there is no ${shown(journal)}; there are 'wal' and 'keep'`,
    )
  }
  const ms = durationMs(busyTimeout as Duration, 'sqlite.busyTimeout')
  if (ms > busyMsMax) {
    throw new InvalidArgumentError(
      `sqlite.busyTimeout: ${shown(busyTimeout)} is out of bounds; give a duration of up to '1h'`,
    )
  }
  return { target: checkTarget(given), synchronous, journal, busyMsMax: ms }
}

function checkTarget(given: {
  readonly table?: unknown
  readonly columns?: unknown
  readonly sql?: unknown
  readonly parameters?: unknown
}): Target {
  const { table, columns, sql, parameters } = given
  if ((table === undefined) === (sql === undefined)) {
    throw new InvalidArgumentError(
      `sqlite: there ${table === undefined ? 'is neither a table nor a statement' : 'are a table and a statement'}; give either { table: 'bars' } or { sql: 'INSERT …' }`,
    )
  }
  if (table !== undefined) {
    if (parameters !== undefined) {
      throw new InvalidArgumentError(
        'sqlite.parameters: a table has columns; give columns, or sql in the stead of table',
      )
    }
    return { table: checkText(table, 'sqlite.table', 'a table'), columns: checkColumns(columns) }
  }
  if (columns !== undefined) {
    throw new InvalidArgumentError(
      'sqlite.columns: a statement has parameters; give parameters, or table in the stead of sql',
    )
  }
  if (parameters !== undefined && typeof parameters !== 'function') {
    throw new InvalidArgumentError(
      `sqlite.parameters: ${shown(parameters)} is not a function; give (output) => ({ … }) or (output) => [ … ]`,
    )
  }
  const text = checkText(sql, 'sqlite.sql', 'a statement')
  const comments = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/
  if (!/^(?:insert|replace|update|delete|with)\b/i.test(text.replace(comments, ''))) {
    throw new InvalidArgumentError(
      `sqlite.sql: ${shown(text)} is no statement that changes rows; give INSERT, REPLACE, UPDATE, DELETE, or one of these with WITH`,
    )
  }
  return { sql: text, parameters: parameters as ((output: never) => unknown) | undefined }
}

function checkColumns(columns: unknown): readonly Column[] | undefined {
  if (columns === undefined) return undefined
  if (typeof columns !== 'object' || columns === null) {
    throw new InvalidArgumentError(
      `sqlite.columns: ${shown(columns)} names no columns; give ['id', 'price'] or { id: 'id', price: (output) => … }`,
    )
  }
  // An array by its iterator alone: a mapping may have a column 'at', and that is a method of arrays.
  const entries: [string, unknown][] = isIterable(columns)
    ? Array.from(columns, (name) => [name as string, name])
    : Object.entries(columns)
  if (entries.length === 0) {
    throw new InvalidArgumentError(
      'sqlite.columns: there is none; give at least one, or leave it out',
    )
  }
  const names = new Set<string>()
  return entries.map(([one, from]) => {
    const name = checkText(one, 'sqlite.columns', 'a column')
    // As SQLite does, which takes them for one.
    if (names.has(name.toLowerCase())) {
      throw new InvalidArgumentError(`sqlite.columns: ${shown(name)} is named twice; name it once`)
    }
    names.add(name.toLowerCase())
    if (typeof from !== 'function' && typeof from !== 'string') {
      throw new InvalidArgumentError(
        `sqlite.columns.${name}: ${shown(from)} is neither a property nor a function; give 'price' or (output) => …`,
      )
    }
    return { name, from: from as Column['from'] }
  })
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value
}

function checkText(value: unknown, option: string, what: string): string {
  if (typeof value === 'string' && value.trim() !== '' && !value.includes('\0')) return value
  throw new InvalidArgumentError(`${option}: ${shown(value)} is not the text of ${what}`)
}
