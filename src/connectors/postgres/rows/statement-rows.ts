import { SemelError, toError } from '../../../core/errors.js'
import { shown } from '../../../core/options.js'
import { RejectedOutputs } from '../../../core/sink.js'
import { arrayOf } from '../values/arrays.js'
import { describeTypes } from '../catalog.js'
import { refusedValue } from '../errors.js'
import type { StatementTarget } from '../options.js'
import { read, type Part, type Rows } from './rows.js'
import type { Session } from '../session.js'
import { conversionFor, isPlain, type Conversion, type ValueType } from '../values/values.js'

/** Outputs as the parameters of the user's own statement. */
export class StatementRows implements Rows<unknown> {
  readonly what = 'the statement'
  readonly takesGuard = false
  readonly isUnordered = false
  readonly #sql: string
  readonly #parameters: StatementTarget['parameters']
  readonly #types: readonly ValueType[]
  /** Of the parameters; of their elements, where these are properties. */
  readonly #conversions: readonly Conversion[]

  /** @throws SemelError `SEMEL_SINK` where the server does not take the statement */
  static async open(session: Session, target: StatementTarget): Promise<StatementRows> {
    const types = await parameterTypes(session, target.sql)
    return new StatementRows(session.name, target, types)
  }

  private constructor(
    name: string,
    { sql, parameters }: StatementTarget,
    types: readonly ValueType[],
  ) {
    this.#sql = sql
    this.#parameters = parameters
    this.#types = types
    if (typeof parameters === 'function') {
      this.#conversions = types.map((type, at) => conversionFor(type, `the parameter $${at + 1}`))
      return
    }
    if (parameters.length !== types.length) {
      throw new SemelError(
        'SEMEL_SINK',
        `${name}: the statement has ${types.length} parameters, and ${parameters.length} are named; name a property for each`,
      )
    }
    this.#conversions = types.map(({ element, text }, at) => {
      if (element !== undefined) return conversionFor(element, `the parameter $${at + 1}`)
      throw new SemelError(
        'SEMEL_SINK',
        `${name}: the statement's parameter $${at + 1} is ${text}, and no array of a property of many outputs; write unnest($1::int8[], …), or give parameters as a function`,
      )
    })
  }

  convert(outputs: readonly unknown[]): readonly unknown[] {
    const parameters = this.#parameters
    if (typeof parameters === 'function') return outputs
    const rejected = new Map<number, Error>()
    const rows = outputs.map((output, at) => {
      try {
        if (typeof output !== 'object' || output === null) {
          throw refusedValue(
            `${this.what} takes objects with ${parameters.join(', ')}, and ${shown(output)} is none; map it to one`,
          )
        }
        return parameters.map((name, i) => (this.#conversions[i] as Conversion)(read(output, name)))
      } catch (thrown) {
        rejected.set(at, toError(thrown))
        return []
      }
    })
    if (rejected.size > 0) throw new RejectedOutputs(rejected)
    return rows
  }

  parts(rows: readonly unknown[]): readonly Part[] {
    return rows.length === 0 ? [] : [{ values: this.#values(rows), sql: () => this.#sql }]
  }

  async write(session: Session, rows: readonly unknown[]): Promise<void> {
    if (rows.length > 0) await session.ask(this.#sql, this.#values(rows))
  }

  async isSound(session: Session): Promise<boolean> {
    try {
      await describe(session, this.#sql)
      return true
    } catch {
      return false
    }
  }

  #values(rows: readonly unknown[]): readonly unknown[] {
    const parameters = this.#parameters
    if (typeof parameters !== 'function') {
      const converted = rows as readonly (readonly (string | null)[])[]
      return this.#types.map(({ element }, at) =>
        arrayOf(converted, at, !isPlain(element as ValueType)),
      )
    }
    let given: unknown
    try {
      given = parameters(rows as readonly never[])
    } catch (thrown) {
      throw refusedValue(`parameters failed: ${toError(thrown).message}`, thrown)
    }
    if (!Array.isArray(given) || given.length !== this.#conversions.length) {
      throw refusedValue(
        `the statement has ${this.#conversions.length} parameters, and ${shown(given)} is no array of so many`,
      )
    }
    return this.#conversions.map((convert, at) => convert(given[at]))
  }
}

/** Types as the server understands the statement. */
async function parameterTypes(session: Session, sql: string): Promise<readonly ValueType[]> {
  try {
    const oids = await session.transaction(undefined, () => describe(session, sql))
    const typeOf = await describeTypes(session, oids)
    return oids.map((oid) => typeOf(oid, -1))
  } catch (thrown) {
    if (thrown instanceof SemelError) throw thrown
    const state = (thrown as { readonly code?: unknown }).code
    // Those of syntax and of what is not there.
    if (typeof state !== 'string' || !/^(?:42|0A)/.test(state) || state === '42501') throw thrown
    throw new SemelError(
      'SEMEL_SINK',
      `${session.name} does not take the statement ${shown(sql)}: ${toError(thrown).message}; create what it names, or mend it`,
      { cause: thrown },
    )
  }
}

/** Leaves nothing in the session: what does not end here goes with the transaction's connection. */
async function describe(session: Session, sql: string): Promise<readonly string[]> {
  await session.query(`PREPARE semel_described AS ${sql}`, [])
  const rows = await session.ask(
    `SELECT type::oid AS oid FROM pg_catalog.pg_prepared_statements, unnest(parameter_types) WITH ORDINALITY AS one (type, at) WHERE name = 'semel_described' ORDER BY at`,
  )
  await session.query('DEALLOCATE semel_described', [])
  return rows.map(({ oid }) => oid as string)
}
