import { SemelError, toError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { Database, Statement } from './driver.js'
import { refusedValue } from './errors.js'
import type { Column } from './options.js'
import { quoted, read, type Rows } from './rows.js'
import { columnConversion, type Conversion, type DeclaredColumn } from './values.js'

/** Statements for so many sets of properties are kept. */
const shapesMax = 64
/** Rows of one statement: half of what a row costs is the call. Beyond, little is gained. */
const groupMax = 16
/** As SQLite is built. */
const parametersMax = 32_766

/** Outputs with the same properties, or all, where columns are named. */
interface Shape {
  /** Of the columns, in the order in which they are bound. */
  readonly names: readonly string[]
  readonly conversions: readonly Conversion[]
  readonly one: Statement
  /** How many rows `group` has; 1: there is none. */
  readonly rows: number
  readonly group: Statement
}

/** Outputs as rows of a table. */
export class TableRows implements Rows {
  readonly what: string
  readonly #db: Database
  readonly #table: string
  readonly #columns: readonly Column[] | undefined
  readonly #known = new Map<string, Conversion>()
  readonly #shapes = new Map<string, Shape>()
  /** The newest one; where columns are named, the only one. */
  #shape: Shape | undefined

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
    const shape = this.#shapeFor(output)
    const values: unknown[] = []
    this.#bind(output, shape, values, 0)
    return shape.one.run(values).lastInsertRowid
  }

  insertAll(outputs: readonly unknown[]): void {
    let at = 0
    while (at < outputs.length) {
      const shape = this.#shapeFor(outputs[at])
      const width = shape.names.length
      let values: unknown[] = []
      let rows = 0
      for (; at < outputs.length; at++) {
        if (rows > 0 && this.#shapeFor(outputs[at]) !== shape) break
        this.#bind(outputs[at], shape, values, rows * width)
        rows += 1
        if (rows < shape.rows) continue
        shape.group.run(values)
        values = []
        rows = 0
      }
      for (let row = 0; row < rows; row++) {
        shape.one.run(values.slice(row * width, (row + 1) * width))
      }
    }
  }

  isSound(): boolean {
    if (this.#shape === undefined) return true
    try {
      this.#db.prepare(this.#sql(this.#shape.names, 1))
      return true
    } catch {
      return false
    }
  }

  danglingRowids(): ReadonlySet<number | bigint> {
    const dangling = this.#db.pragma(`main.foreign_key_check(${quoted(this.#table)})`)
    return new Set((dangling as readonly { readonly rowid: number }[]).map(({ rowid }) => rowid))
  }

  /** @throws SemelError `SEMEL_OUTPUT` for what is no row of this table */
  #shapeFor(output: unknown): Shape {
    if (typeof output !== 'object' || output === null || Array.isArray(output)) {
      throw refusedValue(
        `${this.what} takes objects with its columns, and ${shown(output)} is none; map it to one`,
      )
    }
    if (this.#columns !== undefined) return this.#shape as Shape
    const keys = Object.keys(output)
    const newest = this.#shape
    return newest !== undefined && isSame(keys, newest.names) ? newest : this.#shapeOf(keys)
  }

  /** Converts an output's values into `values`, from an index on. */
  #bind(output: unknown, { names, conversions }: Shape, values: unknown[], from: number): void {
    const columns = this.#columns
    for (let i = 0; i < names.length; i++) {
      const column = columns?.[i]?.from ?? (names[i] as string)
      const value =
        typeof column === 'string' ? read(output, column) : call(column, output, names[i] as string)
      values[from + i] = (conversions[i] as Conversion)(value)
    }
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

  #prepare(names: readonly string[]): Shape {
    if (names.length === 0) {
      throw refusedValue(
        `${this.what} takes objects with its columns, and this one has no property`,
      )
    }
    const conversions = names.map((name) => {
      const conversion = this.#known.get(name)
      if (conversion === undefined) throw refusedValue(this.#noColumn(name))
      return conversion
    })
    const rows = Math.min(groupMax, Math.floor(parametersMax / names.length))
    const one = this.#db.prepare(this.#sql(names, 1))
    const group = rows === 1 ? one : this.#db.prepare(this.#sql(names, rows))
    return { names, conversions, one, rows, group }
  }

  #sql(names: readonly string[], rows: number): string {
    const row = `(${names.map(() => '?').join(', ')})`
    const values = Array.from({ length: rows }, () => row).join(', ')
    return `INSERT INTO main.${quoted(this.#table)} (${names.map(quoted).join(', ')}) VALUES ${values}`
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

function call(from: (output: never) => unknown, output: unknown, name: string): unknown {
  try {
    return from(output as never)
  } catch (thrown) {
    throw refusedValue(`columns.${name} failed: ${toError(thrown).message}`, thrown)
  }
}
