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
