import { toError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import { refusedValue } from './errors.js'

/** How an output gets into the database. */
export interface Rows {
  /** For error messages: the table, or the statement. */
  readonly what: string
  /**
   * Writes one row.
   * @returns its rowid, where it has one
   * @throws SemelError `SEMEL_OUTPUT` for a value that can't be held; whatever SQLite throws
   */
  insert(output: unknown): number | bigint
  /**
   * Writes rows, in order and as fast as it can. After a throw nobody knows which are written: the
   * transaction is to be undone.
   * @throws as `insert`
   */
  insertAll(outputs: readonly unknown[]): void
  /** Whether the database still understands what is written. */
  isSound(): boolean
  /**
   * The rowids of rows that lack what their foreign keys point to; undefined where nobody can tell which
   * rows were written.
   */
  danglingRowids(): ReadonlySet<number | bigint> | undefined
}

/** An SQL name, whatever it is. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A property, whose getter may be the user's. */
export function read(output: unknown, key: string): unknown {
  try {
    return (output as Readonly<Record<string, unknown>>)[key]
  } catch (thrown) {
    throw refusedValue(`reading ${shown(key)} failed: ${toError(thrown).message}`, thrown)
  }
}
