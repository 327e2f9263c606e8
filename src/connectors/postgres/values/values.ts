import { types } from 'node:util'
import { toError } from '../../../core/errors.js'
import { shown } from '../../../core/options.js'
import { refusedValue } from '../errors.js'
import { doubleText, integerText, numericText, scaleOf, singleText } from './numbers.js'
import { timeText } from './times.js'

/** Gives the text that the server reads, or throws why there is none; null stays null. */
export type Conversion = (value: unknown) => string | null

/** A column's or a parameter's type, as the catalog tells it, behind its domains. */
export interface ValueType {
  /** For messages: `numeric(10,2)`. */
  readonly text: string
  /** With its schema, quoted. */
  readonly sql: string
  /** Its name in pg_catalog; undefined where it is none of the server's own. */
  readonly name: string | undefined
  /** Its length, precision or the like; −1: it has none. */
  readonly typmod: number
  /** Of an array. */
  readonly element: ValueType | undefined
}

/**
 * A value's text is kept in memory and sent in one message: beyond, the server refuses the whole
 * message, and says of no row that it is to blame.
 */
const charactersMax = 2 ** 27

/** For a column or parameter of this type: what it gives back as it was. */
export function conversionFor(type: ValueType, where: string): Conversion {
  const of = `${where}, ${type.text},`
  if (type.element !== undefined) {
    const element = elementConversion(type.element, of)
    return (value) => (value === null ? null : bounded(arrayText(value, element, of), of))
  }
  const scalar = scalarConversion(type, of)
  return (value) => {
    if (value === null) return null
    if (value === undefined) throw refusedValue(`${of} can't hold undefined; give null or a value`)
    return bounded(scalar(value), of)
  }
}

function bounded(text: string, of: string): string {
  if (text.length <= charactersMax) return text
  throw refusedValue(
    `${of} is to hold ${text.length} characters in one value; give up to ${charactersMax}`,
  )
}

function scalarConversion(type: ValueType, of: string): (value: unknown) => string {
  const { name, typmod } = type
  switch (name) {
    case 'int2':
    case 'int4':
    case 'int8':
      return (value) => integerText(value, name, of)
    case 'float4':
      return (value) => singleText(value, of)
    case 'float8':
      return (value) => doubleText(value, of)
    case 'numeric': {
      const scale = scaleOf(typmod)
      return (value) => numericText(value, scale, of)
    }
    case 'bool':
      return (value) => {
        if (typeof value === 'boolean') return value ? 't' : 'f'
        throw refusedValue(`${of} can't hold ${shown(value)}; give true or false`)
      }
    case 'date':
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
    case 'interval':
      return (value) => timeText(value, name, typmod, of)
    case 'bytea':
      return (value) => bytesText(value, of)
    case 'json':
    case 'jsonb':
      return (value) => jsonText(value, of)
    case 'varchar':
    case 'bpchar': {
      const most = typmod < 4 ? Infinity : typmod - 4
      return (value) => lengthChecked(textOf(value, of), most, of)
    }
    case 'name':
      return (value) => bytesChecked(textOf(value, of), 63, of)
    case 'char':
      return (value) => bytesChecked(textOf(value, of), 1, of)
    default:
      return (value) => textOf(value, of)
  }
}

/** A text, which the server reads as the type has it. */
function textOf(value: unknown, of: string): string {
  if (typeof value !== 'string') {
    throw refusedValue(`${of} can't hold ${shown(value)}; ${remedyFor(value)}`)
  }
  if (!value.isWellFormed()) {
    throw refusedValue(`${of} can't hold half a surrogate pair; give a whole text`)
  }
  if (!value.includes('\0')) return value
  throw refusedValue(`${of} can't hold a NUL, PostgreSQL's texts have none; give bytes to a bytea`)
}

/** What is too long the server refuses, but blanks at its end it cuts off without a word. */
function lengthChecked(text: string, most: number, of: string): string {
  if (text.length <= most) return text
  let points = 0
  for (const _ of text) points += 1
  if (points <= most) return text
  throw refusedValue(`${of} can't hold ${points} characters; give up to ${most}`)
}

/** Types of so many bytes cut off the others. */
function bytesChecked(text: string, most: number, of: string): string {
  const bytes = Buffer.byteLength(text)
  if (bytes <= most) return text
  throw refusedValue(`${of} can't hold ${bytes} bytes; give up to ${most}`)
}

function bytesText(value: unknown, of: string): string {
  if (types.isUint8Array(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    if (bytes.length * 2 <= charactersMax) return `\\x${bytes.toString('hex')}`
    throw refusedValue(
      `${of} is to hold ${bytes.length} bytes in one value; give up to ${charactersMax / 2}`,
    )
  }
  throw refusedValue(`${of} can't hold ${shown(value)}; give a Uint8Array`)
}

function jsonText(value: unknown, of: string): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (thrown) {
    throw refusedValue(`${of} has no JSON of it: ${toError(thrown).message}`, thrown)
  }
  if (text !== undefined) return text
  throw refusedValue(`${of} has no JSON of ${shown(value)}; give plain data`)
}

function remedyFor(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') {
    return 'give a text, or declare it for numbers'
  }
  if (types.isDate(value)) return 'give its toISOString(), or declare it timestamptz'
  if (types.isUint8Array(value)) return 'give a text, or declare it bytea'
  if (typeof value === 'object') return 'give a text, or declare it jsonb'
  return 'give a text'
}

interface Element {
  readonly convert: (value: unknown) => string
  readonly isQuoted: boolean
  /** What looks like another dimension is the element's own: JSON has arrays too. */
  readonly isJson: boolean
}

/** Of these no text is one that an array's text reads otherwise. */
const plain = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'bool'])

function elementConversion(type: ValueType, of: string): Element {
  const scalar = scalarConversion(type, of)
  return {
    convert: (value) => {
      if (value !== undefined) return scalar(value)
      throw refusedValue(`${of} has undefined among its elements; give null or a value`)
    },
    isQuoted: !plain.has(type.name ?? ''),
    isJson: type.name === 'json' || type.name === 'jsonb',
  }
}

/** An array, of several dimensions too, as PostgreSQL reads it. */
function arrayText(value: unknown, element: Element, of: string): string {
  if (!Array.isArray(value)) {
    throw refusedValue(`${of} can't hold ${shown(value)}; give an array`)
  }
  return level(value, element, of, 0)
}

const dimensionsMax = 6

function level(values: readonly unknown[], element: Element, of: string, depth: number): string {
  if (depth === dimensionsMax || (depth > 0 && values.length === 0)) {
    throw refusedValue(
      `${of} can't hold ${depth === dimensionsMax ? `more than ${dimensionsMax} dimensions` : 'an empty array within another'}; give another one`,
    )
  }
  // Array.from: a hole is undefined, and no one passes it by.
  const parts = Array.from(values, (value) => {
    if (value === null) return 'NULL'
    if (Array.isArray(value) && !element.isJson) return level(value, element, of, depth + 1)
    const text = element.convert(value)
    return element.isQuoted ? quotedElement(text) : text
  })
  return `{${parts.join(',')}}`
}

/** An element of an array's text. */
export function quotedElement(text: string): string {
  return /["\\]/.test(text) ? `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"` : `"${text}"`
}

/** Whether an array's text takes values of this type as they are. */
export function isPlain(type: ValueType): boolean {
  return type.element === undefined && plain.has(type.name ?? '')
}
