import { isPlain, quotedElement, type ValueType } from './values.js'

/** Types of one dimension, whose arrays the server reads without a word on them. */
const direct = new Set([
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'numeric',
  'bool',
  'text',
  'varchar',
  'bpchar',
  'uuid',
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'interval',
  'json',
  'jsonb',
  'bytea',
])

/**
 * How the values of a column travel: as one array of its type, or of texts where `unnest` would take an
 * array of that type apart, or nobody knows how its elements are separated.
 */
export interface Travel {
  /** Of the parameter. */
  readonly cast: string
  /** What makes a value of what comes out of it. */
  readonly valueOf: (name: string) => string
  readonly isQuoted: boolean
}

export function travelOf(type: ValueType): Travel {
  const isDirect = type.element === undefined && direct.has(type.name ?? '')
  return {
    cast: isDirect ? `${type.sql}[]` : 'text[]',
    valueOf: isDirect ? (name) => name : (name) => `${name}::${type.sql}`,
    isQuoted: !isPlain(type),
  }
}

/** One value of each row, as the text of an array. */
export function arrayOf(
  rows: readonly (readonly (string | null)[])[],
  at: number,
  isQuoted: boolean,
): string {
  let text = '{'
  for (const row of rows) {
    const value = row[at] as string | null
    if (text.length > 1) text += ','
    if (value === null) text += 'NULL'
    else text += isQuoted ? quotedElement(value) : value
  }
  return `${text}}`
}
