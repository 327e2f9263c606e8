import { SemelError, toError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { Database, Statement } from './driver.js'
import { refusedValue } from './errors.js'
import type { Column } from './options.js'
import { quoted, type Rows } from './rows.js'
import { columnConversion, type Conversion, type DeclaredColumn } from './values.js'

/** Statements for so many sets of properties are kept. */
const shapesMax = 64

/** Outputs with the same properties, or all, where columns are named. */
interface Shape {
  readonly keys: readonly string[]
  readonly conversions: readonly Conversion[]
  readonly statement: Statement
}

/** Outputs as rows of a table. */
export class TableRows implements Rows {
  readonly what: string
  readonly #db: Database
  readonly #table: string
  readonly #columns: readonly Column[] | undefined
  readonly #known = new Map<string, Conversion>()
  readonly #shapes = new Map<string, Shape>()
  #shape: Shape | undefined
  /** Bound, and filled anew for each row. */
  #values: unknown[] = []

  constructor(db: Database, path: string, table: string, columns: readonly Column[] | undefined) {
    this.what = `the table ${shown(table)}`
    this.#db = db
    this.#table = table
    this.#columns = columns
    const all = db.pragma(`main.table_xinfo(${quoted(table)})`) as readonly (DeclaredColumn & {
      /** 2 and 3: it is generated. */
      readonly hidden: number
    })[]
    if (all.length === 0) {
      throw new SemelError(
        'SEMEL_SINK',
        `${path} has no table ${shown(table)}; create it, then open again`,
      )
    }
    const { isStrict, hasRowid } = this.#kind()
    const keys = all.filter(({ pk }) => pk > 0)
    for (const column of all) {
      if (column.hidden !== 0) continue
      const isRowid =
        hasRowid && keys.length === 1 && column.pk === 1 && /^integer$/i.test(column.type)
      this.#known.set(column.name, columnConversion(column, isStrict, isRowid))
    }
    if (columns === undefined) return
    const missing = columns.find(({ name }) => !this.#known.has(name))
    if (missing !== undefined) {
      throw new SemelError('SEMEL_SINK', `${path}: ${this.#noColumn(missing.name)}`)
    }
    this.#shape = this.#prepare(columns.map(({ name }) => name))
  }

  insert(output: unknown): number | bigint {
    if (typeof output !== 'object' || output === null || Array.isArray(output)) {
      throw refusedValue(
        `${this.what} takes objects with its columns, and ${shown(output)} is none; map it to one`,
      )
    }
    const shape =
      this.#columns === undefined
        ? this.#takeOwn(output as Readonly<Record<string, unknown>>)
        : this.#takeNamed(output as Readonly<Record<string, unknown>>, this.#columns)
    return shape.statement.run(this.#values).lastInsertRowid
  }

  isSound(): boolean {
    if (this.#shape === undefined) return true
    try {
      this.#db.prepare(this.#sql(this.#shape.keys))
      return true
    } catch {
      return false
    }
  }

  danglingRowids(): ReadonlySet<number | bigint> {
    const dangling = this.#db.pragma(`main.foreign_key_check(${quoted(this.#table)})`)
    return new Set((dangling as readonly { readonly rowid: number }[]).map(({ rowid }) => rowid))
  }

  #takeOwn(output: Readonly<Record<string, unknown>>): Shape {
    const keys = Object.keys(output)
    let shape = this.#shape
    if (shape === undefined || !isSame(keys, shape.keys)) shape = this.#shapeOf(keys)
    const { conversions } = shape
    const values = this.#values
    values.length = keys.length
    for (let i = 0; i < keys.length; i++) {
      values[i] = (conversions[i] as Conversion)(read(output, keys[i] as string))
    }
    return shape
  }

  #takeNamed(output: Readonly<Record<string, unknown>>, columns: readonly Column[]): Shape {
    const { conversions } = this.#shape as Shape
    const values = this.#values
    values.length = columns.length
    for (let i = 0; i < columns.length; i++) {
      const { name, from } = columns[i] as Column
      const value = typeof from === 'string' ? read(output, from) : call(from, output, name)
      values[i] = (conversions[i] as Conversion)(value)
    }
    return this.#shape as Shape
  }

  #shapeOf(keys: readonly string[]): Shape {
    const key = JSON.stringify(keys)
    let shape = this.#shapes.get(key)
    if (shape === undefined) {
      shape = this.#prepare(keys)
      if (this.#shapes.size === shapesMax) {
        this.#shapes.delete(this.#shapes.keys().next().value as string)
      }
      this.#shapes.set(key, shape)
    }
    this.#shape = shape
    return shape
  }

  #prepare(keys: readonly string[]): Shape {
    if (keys.length === 0) {
      throw refusedValue(
        `${this.what} takes objects with its columns, and this one has no property`,
      )
    }
    const conversions = keys.map((name) => {
      const conversion = this.#known.get(name)
      if (conversion === undefined) throw refusedValue(this.#noColumn(name))
      return conversion
    })
    return { keys, conversions, statement: this.#db.prepare(this.#sql(keys)) }
  }

  #sql(keys: readonly string[]): string {
    const parameters = keys.map(() => '?').join(', ')
    return `INSERT INTO main.${quoted(this.#table)} (${keys.map(quoted).join(', ')}) VALUES (${parameters})`
  }

  #noColumn(name: string): string {
    const names = [...this.#known.keys()].join(', ')
    return `${this.what} has no column ${shown(name)} that takes values; it has ${names}: add it, or name in columns what goes where`
  }

  #kind(): { isStrict: boolean; hasRowid: boolean } {
    const kinds = this.#db.pragma('main.table_list') as readonly {
      readonly name: string
      readonly strict: number
      readonly wr: number
    }[]
    const kind = kinds.find(({ name }) => name.toLowerCase() === this.#table.toLowerCase())
    return { isStrict: kind?.strict === 1, hasRowid: kind?.wr !== 1 }
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** A property, whose getter may be the user's. */
function read(output: Readonly<Record<string, unknown>>, key: string): unknown {
  try {
    return output[key]
  } catch (thrown) {
    throw refusedValue(`reading ${shown(key)} failed: ${toError(thrown).message}`, thrown)
  }
}

function call(from: (output: never) => unknown, output: unknown, name: string): unknown {
  try {
    return from(output as never)
  } catch (thrown) {
    throw refusedValue(`columns.${name} failed: ${toError(thrown).message}`, thrown)
  }
}
