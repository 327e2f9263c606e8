import { SemelError } from '../../../core/errors.js'

/** What a column's text becomes. */
export type ColumnType = 'string' | 'number'

/**
 * Names for the columns of a file without a header, in order; or types by column, of which a file with
 * a header need only name those that are not text.
 */
export type Columns = readonly string[] | Readonly<Record<string, ColumnType>>

/** Turns the fields of a record into a message. */
export class CsvColumns {
  readonly #names: readonly string[]
  readonly #numbers: readonly boolean[]

  constructor(names: readonly string[], types: Readonly<Record<string, ColumnType>>) {
    this.#names = names
    this.#numbers = names.map((name) => Object.hasOwn(types, name) && types[name] === 'number')
  }

  get count(): number {
    return this.#names.length
  }

  /** The message, or what is wrong with the fields. */
  message(fields: readonly string[]): Record<string, unknown> | string {
    const names = this.#names
    if (fields.length !== names.length) {
      return `${fields.length} field${fields.length === 1 ? '' : 's'}, but ${names.length} columns`
    }
    const message: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string
      const field = fields[i] as string
      if (this.#numbers[i] === true) {
        const number = Number(field)
        if (!Number.isFinite(number) || (number === 0 && field.trim() === '')) {
          return `column ${name}: ${JSON.stringify(field.slice(0, 80))} is not a number`
        }
        message[name] = number
      } else {
        message[name] = field
      }
    }
    return message
  }
}

/**
 * The columns of one file.
 * @param header the names in its first record, where it has a header
 * @throws SemelError `SEMEL_SOURCE` where header and columns don't fit each other
 */
export function csvColumns(
  path: string,
  header: readonly string[] | undefined,
  columns: Columns,
): CsvColumns {
  const types = isNames(columns) ? {} : columns
  const names = isNames(columns) ? columns : (header ?? Object.keys(columns))
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    throw new SemelError(
      'SEMEL_SOURCE',
      `${path}: two columns are called ${JSON.stringify(twice)}; name them by columns: ['…', '…']`,
    )
  }
  if (names.includes('__proto__')) {
    throw new SemelError(
      'SEMEL_SOURCE',
      `${path}: a column can't be called "__proto__" in JavaScript; name them by columns: ['…', '…']`,
    )
  }
  const missing = Object.keys(types).find((name) => !names.includes(name))
  if (missing !== undefined) {
    throw new SemelError(
      'SEMEL_SOURCE',
      `${path}: there is no column ${JSON.stringify(missing)} in its header, which has ` +
        `${names.join(', ')}; correct columns, or say header: false`,
    )
  }
  return new CsvColumns(names, types)
}

export function isNames(columns: Columns): columns is readonly string[] {
  return Array.isArray(columns)
}
