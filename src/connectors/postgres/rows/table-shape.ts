import { arrayOf, type Travel } from '../values/arrays.js'
import type { Column } from '../options.js'
import type { Part } from './rows.js'
import { quoted } from '../session.js'
import type { Conversion } from '../values/values.js'

export interface ShapeColumn extends Column {
  readonly convert: Conversion
  readonly travel: Travel
  readonly isExact: boolean
}

/** The statement for rows that have the same columns. */
export class TableShape {
  readonly columns: readonly ShapeColumn[]
  /** Of the columns, by index: those that make a row the same one. */
  readonly keys: readonly number[]
  readonly isDelete: boolean
  /** Whether keys are the same only where their texts are. */
  readonly isExact: boolean
  readonly #table: string
  /** The newest text, and what it was made for. */
  #newest:
    | { readonly from: number; readonly guard: string | undefined; readonly text: string }
    | undefined

  constructor(
    table: string,
    columns: readonly ShapeColumn[],
    key: readonly string[] | undefined,
    isDelete: boolean,
  ) {
    this.#table = table
    this.columns = columns
    this.keys = (key ?? []).map((name) => columns.findIndex((column) => column.name === name))
    this.isDelete = isDelete
    this.isExact = this.keys.every((at) => columns[at]?.isExact === true)
  }

  has(names: readonly string[]): boolean {
    if (names.length !== this.columns.length) return false
    for (let i = 0; i < names.length; i++) if (names[i] !== this.columns[i]?.name) return false
    return true
  }

  part(rows: readonly (readonly (string | null)[])[]): Part {
    return {
      values: this.columns.map(({ travel }, at) => arrayOf(rows, at, travel.isQuoted)),
      sql: (from, guard) => {
        if (this.#newest?.from !== from || this.#newest.guard !== guard) {
          this.#newest = { from, guard, text: this.#sql(from, guard) }
        }
        return this.#newest.text
      },
    }
  }

  #sql(from: number, guard: string | undefined): string {
    const arrays = this.columns.map(({ travel }, at) => `$${from + at}::${travel.cast}`)
    const fields = this.columns.map((_, at) => `f${at}`)
    const rows = `unnest(${arrays.join(', ')}) AS semel_row (${fields.join(', ')})`
    const values = this.columns.map(({ travel }, at) => travel.valueOf(`semel_row.f${at}`))
    const names = this.columns.map(({ name }) => quoted(name))
    if (this.isDelete) {
      const same = names.map((name, at) => `semel_target.${name} = ${values[at]}`)
      const conditions = guard === undefined ? same : [...same, guard]
      return `DELETE FROM ${this.#table} AS semel_target USING ${rows} WHERE ${conditions.join(' AND ')}`
    }
    const where = guard === undefined ? '' : ` WHERE ${guard}`
    return `INSERT INTO ${this.#table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${rows}${where}${this.#onConflict(names)}`
  }

  #onConflict(names: readonly string[]): string {
    if (this.keys.length === 0) return ''
    const keys = this.keys.map((at) => names[at])
    const others = names.filter((name) => !keys.includes(name))
    const action =
      others.length === 0
        ? 'DO NOTHING'
        : `DO UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`
    return ` ON CONFLICT (${keys.join(', ')}) ${action}`
  }
}
