import type { Duration } from '../../core/durations.js'
import type { Address } from './driver.js'

/** How durable a COMMIT is, as the server's parameter of this name has it. */
export type SynchronousCommit = 'off' | 'local' | 'remote_write' | 'on' | 'remote_apply'

interface Common {
  /**
   * Where the table and `semel_commits` are.
   * @default the first schema of the search path that has them; `semel_commits` is made in its first one
   */
  schema?: string
  /**
   * What a commit waits for. With `off` the newest commits may be lost when the server crashes, which
   * opening then finds missing.
   * @default as the server has it; at the durability `disk` at least `on`
   */
  synchronousCommit?: SynchronousCommit
  /**
   * So long connecting, and each statement, may take, '100ms'…'1h'; then the connection is given up and
   * another one asks what became of it.
   * @default '30s'
   */
  timeout?: Duration
  /**
   * Whether the server keeps statements in the session, which saves it planning them. Not behind a
   * pooler that gives each transaction another session.
   * @default false
   */
  prepared?: boolean
}

/** Outputs are rows of a table. */
export interface PostgresTable<T = unknown> extends Common {
  table: string
  /**
   * The columns that an output has, by name; or by column the output's property, or a function of it.
   * Others have their defaults.
   * @default each property of an output is a column
   */
  columns?: Iterable<string> | Readonly<Record<string, string | ((output: T) => unknown)>>
  /**
   * The columns that make a row the same one: an output whose key is there already takes that row's
   * place in all columns that it has. They have a unique index. Of several outputs of one commit with the
   * same key the last one counts.
   * @default none: outputs are inserted
   */
  key?: Iterable<string>
  /**
   * Whether an output deletes the row with its key, in the stead of writing it; of such an output only the
   * key is looked at.
   * @default none does
   */
  deletes?: (output: T) => boolean
  sql?: never
  parameters?: never
  write?: never
}

/** Outputs are the parameters of a statement, many of them at once. */
export interface PostgresStatement<T = unknown> extends Common {
  /**
   * One statement for any number of outputs: INSERT, UPDATE, DELETE or MERGE, with arrays as parameters:
   * `INSERT INTO bars SELECT * FROM unnest($1::int8[], $2::numeric[])`
   */
  sql: string
  /**
   * The properties whose values are the arrays `$1`, `$2` …; or a function that gives all parameters for
   * some outputs.
   */
  parameters: Iterable<string> | ((outputs: readonly T[]) => readonly unknown[])
  table?: never
  columns?: never
  key?: never
  deletes?: never
  write?: never
}

/** A transaction, as the function of `write` sees it. */
export interface PostgresTransaction {
  /** One statement. Its parameters and rows are as the package `pg` has them. */
  query(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<{
    readonly rowCount: number | null
    readonly rows: readonly Readonly<Record<string, unknown>>[]
  }>
}

/** Outputs are written by a function, in the commit's transaction. */
export interface PostgresWriter<T = unknown> extends Common {
  /**
   * Writes outputs by the transaction alone, which is not its own to end. Where it throws, all is taken
   * back; then it is called again with fewer, to find which of them it throws at.
   */
  write: (transaction: PostgresTransaction, outputs: readonly T[]) => Promise<void>
  table?: never
  columns?: never
  key?: never
  deletes?: never
  sql?: never
  parameters?: never
}

export type PostgresOptions<T = unknown> =
  | PostgresTable<T>
  | PostgresStatement<T>
  | PostgresWriter<T>

/** A connection string, or its parts. */
export type PostgresAddress = string | Address

/** From where a column has its value. */
export interface Column {
  readonly name: string
  readonly from: string | ((output: never) => unknown)
}

export interface TableTarget {
  readonly table: string
  readonly columns: readonly Column[] | undefined
  readonly key: readonly string[] | undefined
  readonly deletes: ((output: never) => unknown) | undefined
}

export interface StatementTarget {
  readonly sql: string
  readonly parameters: readonly string[] | ((outputs: readonly never[]) => unknown)
}

export interface WriterTarget {
  readonly write: (transaction: PostgresTransaction, outputs: readonly never[]) => unknown
}

export interface Checked {
  readonly address: Address & { readonly connectionString?: string }
  readonly target: TableTarget | StatementTarget | WriterTarget
  readonly schema: string | undefined
  readonly synchronousCommit: SynchronousCommit | undefined
  readonly timeoutMs: number
  readonly isPrepared: boolean
}
