import { shown } from '../../core/options.js'
import { refusedValue } from './errors.js'

/** Gives the value that is bound, or throws why there is none. */
export type Conversion = (value: unknown) => unknown

const int64Min = -(2n ** 63n)
const int64Max = 2n ** 63n - 1n
/** What SQLite takes for a number where a column wants one; it looks no further than to a NUL. */
const numeral = /^[\t-\r ]*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[\t-\r ]*(?:\0|$)/

/** For a statement's parameter: what SQLite holds, and nothing else. */
export function parameterConversion(name: string): Conversion {
  const where = `the parameter ${shown(name)}`
  return (value) => {
    switch (typeof value) {
      case 'string':
        return wellFormed(value, where)
      case 'number':
        return numberOf(value, where)
      case 'bigint':
        return integerOf(value, where)
      default:
        return otherOf(value, where)
    }
  }
}

/** As `PRAGMA table_xinfo` tells it. */
export interface DeclaredColumn {
  readonly name: string
  readonly type: string
  readonly pk: number
}

/**
 * For a column: what it gives back as it was. A column of a declared type turns what looks like that
 * type into it (SQLite's affinity), which is refused here.
 * @param isStrict whether the table is a STRICT one, where ANY means any
 * @param isRowid whether it is the table's INTEGER PRIMARY KEY, which makes a number out of NULL
 */
export function columnConversion(
  { name, type }: DeclaredColumn,
  isStrict: boolean,
  isRowid: boolean,
): Conversion {
  const where = `the column ${shown(name)}${type === '' ? '' : `, ${type},`}`
  const affinity = affinityOf(type, isStrict)
  const isBoolean = /^bool(?:ean)?$/i.test(type)
  const other: Conversion = (value) => {
    if (isBoolean && typeof value === 'boolean') return value ? 1n : 0n
    if (isRowid && value === null) {
      throw refusedValue(
        `${where} would make a number of its own out of null; leave the property out where that is meant`,
      )
    }
    return otherOf(value, where)
  }
  switch (affinity) {
    case 'text':
      return (value) => {
        if (typeof value === 'string') return wellFormed(value, where)
        if (typeof value !== 'number' && typeof value !== 'bigint') return other(value)
        throw refusedValue(
          `${where} would turn the number ${shown(value)} into a text; give a text, or declare the column for numbers`,
        )
      }
    case 'none':
      return (value) => {
        if (typeof value === 'string') return wellFormed(value, where)
        if (typeof value === 'bigint') return integerOf(value, where)
        if (typeof value !== 'number') return other(value)
        // Where no type is declared, whole numbers are to be integers to other programs too.
        return Number.isSafeInteger(value) ? BigInt(value) : numberOf(value, where)
      }
    case 'integer':
    case 'numeric':
    case 'real': {
      const bigint = affinity === 'real' ? realOf : integerOf
      return (value) => {
        if (typeof value === 'number') return numberOf(value, where)
        if (typeof value === 'bigint') return bigint(value, where)
        if (typeof value !== 'string') return other(value)
        if (!numeral.test(value)) return wellFormed(value, where)
        throw refusedValue(
          `${where} would turn the text ${shown(value)} into a number; give the number, or declare the column TEXT`,
        )
      }
    }
    default:
      return affinity satisfies never
  }
}

/** SQLite's own rules, https://www.sqlite.org/datatype3.html#determination_of_column_affinity */
function affinityOf(
  type: string,
  isStrict: boolean,
): 'integer' | 'text' | 'none' | 'real' | 'numeric' {
  if (isStrict && /^any$/i.test(type)) return 'none'
  if (/int/i.test(type)) return 'integer'
  if (/char|clob|text/i.test(type)) return 'text'
  if (type === '' || /blob/i.test(type)) return 'none'
  return /real|floa|doub/i.test(type) ? 'real' : 'numeric'
}

function wellFormed(value: string, where: string): string {
  if (value.isWellFormed()) return value
  throw refusedValue(
    `${where} is to hold ${shown(value)}, which has half a surrogate pair: SQLite would replace it; give a whole text`,
  )
}

function numberOf(value: number, where: string): number {
  if (!Number.isNaN(value)) return value === 0 ? 0 : value
  throw refusedValue(`${where} can't hold NaN, SQLite would make it NULL; give null or a number`)
}

function integerOf(value: bigint, where: string): bigint {
  if (value >= int64Min && value <= int64Max) return value
  throw refusedValue(
    `${where} can't hold ${value}n, SQLite's integers have 64 bits; give a text or bytes`,
  )
}

function realOf(value: bigint, where: string): number {
  const real = Number(value)
  if (Number.isFinite(real) && BigInt(real) === value) return real
  throw refusedValue(`${where} would round ${value}n; give a number, or declare the column INTEGER`)
}

function otherOf(value: unknown, where: string): Uint8Array | null {
  if (value === null || value instanceof Uint8Array) return value
  throw refusedValue(`${where} can't hold ${shown(value)}; ${remedyFor(value)}`)
}

function remedyFor(value: unknown): string {
  if (value === undefined) return 'give null, or another value'
  if (typeof value === 'boolean') return 'give 1 or 0, or declare the column BOOLEAN'
  if (value instanceof Date) return 'give its toISOString() or getTime()'
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return 'give a Uint8Array'
  if (typeof value === 'object') return 'give a text, its JSON say'
  return 'give a text, a number, a bigint, bytes or null'
}
