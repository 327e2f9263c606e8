import { toError } from '../../../core/errors.js'
import { refusedValue } from '../errors.js'
import type { Session } from '../session.js'

/** A statement that writes many rows. */
export interface Part {
  readonly values: readonly unknown[]
  /**
   * @param from the number of its first parameter
   * @param guard a condition without which it writes nothing, where its rows have `takesGuard`
   */
  sql(from: number, guard: string | undefined): string
}

/**
 * How outputs get into the database.
 * @typeParam R an output as it is given to the server
 */
export interface Rows<R> {
  /** For error messages: the table, the statement, or the function. */
  readonly what: string
  /** Whether its parts have a place for a condition. */
  readonly takesGuard: boolean
  /** Whether no row changes what another one has written, so that their order is nobody's. */
  readonly isUnordered: boolean
  /** @throws RejectedOutputs of those that can't be held */
  convert(outputs: readonly unknown[]): readonly R[]
  /**
   * What writes all of them at once, in any order; undefined where that takes one after the other.
   * @throws SemelError `SEMEL_OUTPUT` where one among them can't be held
   */
  parts(rows: readonly R[]): readonly Part[] | undefined
  /** Writes them, in a transaction of whoever calls. */
  write(session: Session, rows: readonly R[]): Promise<void>
  /** Whether the database understands what is written; in a transaction, which may have failed then. */
  isSound(session: Session): Promise<boolean>
}

/** A property, whose getter may be the user's. */
export function read(output: unknown, key: string): unknown {
  try {
    return (output as Readonly<Record<string, unknown>>)[key]
  } catch (thrown) {
    throw refusedValue(`reading ${JSON.stringify(key)} failed: ${toError(thrown).message}`, thrown)
  }
}
