import { SemelError, toError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { Database, Statement } from './driver.js'
import { refusedValue } from './errors.js'
import { read, type Rows } from './rows.js'
import { parameterConversion, type Conversion } from './values.js'

/** Outputs as parameters of the user's own statement. */
export class StatementRows implements Rows {
  readonly what = 'the statement'
  readonly #db: Database
  readonly #sql: string
  readonly #parameters: ((output: never) => unknown) | undefined
  readonly #statement: Statement
  /** Where they have names. */
  readonly #names: readonly string[]
  readonly #conversions: readonly Conversion[]
  /** By name: filled anew for each row. */
  readonly #bound: Record<string, unknown> = {}
  /** In order, as far as any output has had them. */
  readonly #ordered: Conversion[] = []

  constructor(
    db: Database,
    path: string,
    sql: string,
    parameters: ((output: never) => unknown) | undefined,
  ) {
    this.#db = db
    this.#sql = sql
    this.#parameters = parameters
    this.#statement = prepared(db, path, sql)
    if (this.#statement.reader) {
      throw new SemelError(
        'SEMEL_SINK',
        `${path}: the statement ${shown(sql)} answers rows; leave RETURNING out`,
      )
    }
    const { names, isWhole } = namesOf(prepared(db, path, sql))
    if (names.length > 0 && !isWhole) {
      throw new SemelError(
        'SEMEL_SINK',
        `${path}: the statement ${shown(sql)} has parameters with and without names; name all of them, or none`,
      )
    }
    this.#names = names
    this.#conversions = names.map(parameterConversion)
  }

  insert(output: unknown): number | bigint {
    const given = this.#given(output)
    const bound = this.#names.length > 0 ? this.#byName(given) : this.#inOrder(given)
    return this.#statement.run(bound).lastInsertRowid
  }

  insertAll(outputs: readonly unknown[]): void {
    for (const output of outputs) this.insert(output)
  }

  isSound(): boolean {
    try {
      this.#db.prepare(this.#sql)
      return true
    } catch {
      return false
    }
  }

  /** A statement may write anywhere. */
  danglingRowids(): undefined {
    return undefined
  }

  #given(output: unknown): unknown {
    if (this.#parameters === undefined) return output
    try {
      return this.#parameters(output as never)
    } catch (thrown) {
      throw refusedValue(`parameters failed: ${toError(thrown).message}`, thrown)
    }
  }

  #byName(given: unknown): Readonly<Record<string, unknown>> {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw refusedValue(
        `the statement's parameters have names, and ${shown(given)} is no object with ${this.#names.join(', ')}`,
      )
    }
    for (let i = 0; i < this.#names.length; i++) {
      const name = this.#names[i] as string
      this.#bound[name] = (this.#conversions[i] as Conversion)(read(given, name))
    }
    return this.#bound
  }

  #inOrder(given: unknown): readonly unknown[] {
    if (!Array.isArray(given)) {
      throw refusedValue(
        `the statement's parameters have no names, and ${shown(given)} is no array of them; give parameters: (output) => [ … ]`,
      )
    }
    return given.map((value, at) =>
      (this.#ordered[at] ??= parameterConversion(String(at + 1)))(value),
    )
  }
}

function prepared(db: Database, path: string, sql: string): Statement {
  try {
    return db.prepare(sql)
  } catch (thrown) {
    throw new SemelError(
      'SEMEL_SINK',
      `${path} does not take the statement ${shown(sql)}: ${toError(thrown).message}; create what it names, or mend it`,
      { cause: thrown },
    )
  }
}

/**
 * The names of a statement's parameters, and whether there are no others: the driver tells them only to
 * the object that it binds.
 */
function namesOf(statement: Statement): { readonly names: string[]; readonly isWhole: boolean } {
  const named = new Set<string>()
  const asked = new Proxy(
    {},
    {
      getOwnPropertyDescriptor(_, name) {
        named.add(String(name))
        return { value: null, configurable: true, enumerable: true, writable: true }
      },
      get: () => null,
    },
  )
  let isWhole = true
  try {
    statement.bind(asked)
  } catch {
    isWhole = false
  }
  return { names: [...named], isWhole }
}
