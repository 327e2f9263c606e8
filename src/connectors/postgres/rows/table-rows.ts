import { SemelError, toError } from '../../../core/errors.js'
import { shown } from '../../../core/options.js'
import { RejectedOutputs } from '../../../core/sink.js'
import { travelOf } from '../values/arrays.js'
import { describeTable, type Table } from '../catalog.js'
import { refusedValue } from '../errors.js'
import type { Column, TableTarget } from '../options.js'
import { read, type Part, type Rows } from './rows.js'
import { segmentsOf, type TableRow } from './segments.js'
import type { Session } from '../session.js'
import { TableShape, type ShapeColumn } from './table-shape.js'
import { conversionFor } from '../values/values.js'

/** Outputs with so many sets of properties are written by one statement. */
const partsMax = 16
/** Statements for so many sets of properties are kept. */
const shapesMax = 64

/** Outputs as rows of a table. */
export class TableRows implements Rows<TableRow> {
  readonly what: string
  readonly takesGuard = true
  readonly isUnordered: boolean
  readonly #table: Table
  readonly #target: TableTarget
  readonly #known = new Map<string, ShapeColumn>()
  readonly #shapes = new Map<string, TableShape>()
  /** The newest one; where columns are named, the only one. */
  #shape: TableShape | undefined
  readonly #deleting: TableShape | undefined

  /** @throws SemelError `SEMEL_SINK` where the database has no such table or columns */
  static async open(
    session: Session,
    schema: string | undefined,
    target: TableTarget,
  ): Promise<TableRows> {
    return new TableRows(session.name, await describeTable(session, schema, target.table), target)
  }

  private constructor(name: string, table: Table, target: TableTarget) {
    this.what = `the table ${shown(target.table)}`
    this.isUnordered = target.key === undefined
    this.#table = table
    this.#target = target
    for (const { name: column, type, isGenerated, isExact } of table.columns) {
      if (isGenerated) continue
      const convert = conversionFor(type, `the column ${shown(column)}`)
      const from = target.columns?.find(({ name: one }) => one === column)?.from ?? column
      this.#known.set(column, { name: column, from, convert, travel: travelOf(type), isExact })
    }
    const named = [...(target.columns ?? []).map((one) => one.name), ...(target.key ?? [])]
    const missing = named.find((column) => !this.#known.has(column))
    if (missing !== undefined) {
      throw new SemelError('SEMEL_SINK', `${name}: ${this.#noColumn(missing)}`)
    }
    if (target.columns !== undefined)
      this.#shape = this.#make(target.columns.map((one) => one.name))
    if (target.deletes !== undefined) {
      this.#deleting = new TableShape(table.sql, this.#columns(target.key ?? []), target.key, true)
    }
  }

  convert(outputs: readonly unknown[]): readonly TableRow[] {
    const rejected = new Map<number, Error>()
    const rows: TableRow[] = []
    for (const [at, output] of outputs.entries()) {
      try {
        rows.push(this.#row(output))
      } catch (thrown) {
        rejected.set(at, toError(thrown))
      }
    }
    if (rejected.size > 0) throw new RejectedOutputs(rejected)
    return rows
  }

  parts(rows: readonly TableRow[]): readonly Part[] | undefined {
    const segments = segmentsOf(rows)
    if (segments.length > 1) return undefined
    const parts = partsOf(segments[0] ?? [])
    return parts.length > partsMax ? undefined : parts
  }

  async write(session: Session, rows: readonly TableRow[]): Promise<void> {
    for (const segment of segmentsOf(rows)) {
      for (const part of partsOf(segment)) await session.ask(part.sql(1, undefined), part.values)
    }
  }

  async isSound(session: Session): Promise<boolean> {
    const shapes = [this.#shape, this.#deleting].filter((shape) => shape !== undefined)
    try {
      for (const shape of shapes) {
        const part = shape.part([])
        await session.ask(part.sql(1, undefined), part.values)
      }
      return true
    } catch {
      return false
    }
  }

  #row(output: unknown): TableRow {
    if (typeof output !== 'object' || output === null || Array.isArray(output)) {
      throw refusedValue(
        `${this.what} takes objects with its columns, and ${shown(output)} is none; map it to one`,
      )
    }
    const { columns, key } = this.#target
    const isDeleted = this.#deleting !== undefined && this.#isDeleted(output)
    const shape = isDeleted
      ? (this.#deleting as TableShape)
      : columns === undefined
        ? this.#shapeOf(Object.keys(output))
        : (this.#shape as TableShape)
    const values = shape.columns.map(({ name, from, convert }) =>
      convert(typeof from === 'string' ? read(output, from) : call(from, output, name)),
    )
    if (key === undefined) return { shape, values, key: undefined }
    const keys = shape.keys.map((at) => values[at])
    if (!keys.includes(null)) return { shape, values, key: JSON.stringify(keys) }
    throw refusedValue(`${this.what} finds no row by a key that is null; give it a value`)
  }

  #isDeleted(output: object): boolean {
    try {
      return Boolean(this.#target.deletes?.(output as never))
    } catch (thrown) {
      throw refusedValue(`deletes failed: ${toError(thrown).message}`, thrown)
    }
  }

  #shapeOf(keys: readonly string[]): TableShape {
    const newest = this.#shape
    if (newest !== undefined && newest.has(keys)) return newest
    const text = JSON.stringify(keys)
    let shape = this.#shapes.get(text)
    if (shape === undefined) {
      shape = this.#make(keys)
      if (this.#shapes.size === shapesMax) {
        this.#shapes.delete(this.#shapes.keys().next().value as string)
      }
      this.#shapes.set(text, shape)
    }
    this.#shape = shape
    return shape
  }

  #make(names: readonly string[]): TableShape {
    if (names.length === 0) {
      throw refusedValue(
        `${this.what} takes objects with its columns, and this one has no property`,
      )
    }
    const { key } = this.#target
    const missing = key?.find((name) => !names.includes(name))
    if (missing !== undefined) {
      throw refusedValue(`${this.what} has the key ${shown(missing)}, and this output has none`)
    }
    return new TableShape(this.#table.sql, this.#columns(names), key, false)
  }

  #columns(names: readonly string[]): readonly ShapeColumn[] {
    return names.map((name) => {
      const column = this.#known.get(name)
      if (column === undefined) throw refusedValue(this.#noColumn(name))
      return column
    })
  }

  #noColumn(name: string): string {
    const names = [...this.#known.keys()].join(', ')
    return `${this.what} has no column ${shown(name)} that takes values; it has ${names}: add it, or name in columns what goes where`
  }
}

/** A statement for each set of columns, in the order in which they come up. */
function partsOf(rows: readonly TableRow[]): readonly Part[] {
  const byShape = new Map<TableShape, TableRow[]>()
  for (const row of rows) {
    const same = byShape.get(row.shape)
    if (same === undefined) byShape.set(row.shape, [row])
    else same.push(row)
  }
  return Array.from(byShape, ([shape, same]) => shape.part(same.map(({ values }) => values)))
}

function call(from: Exclude<Column['from'], string>, output: unknown, name: string): unknown {
  try {
    return from(output as never)
  } catch (thrown) {
    throw refusedValue(`columns.${name} failed: ${toError(thrown).message}`, thrown)
  }
}
