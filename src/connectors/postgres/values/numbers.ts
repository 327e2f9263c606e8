import { shown } from '../../../core/options.js'
import { refusedValue } from '../errors.js'

const bits = { int2: 16n, int4: 32n, int8: 64n } as const

/** A whole number of a column of integers; a text of digits where these are what it would give back. */
export function integerText(value: unknown, type: keyof typeof bits, where: string): string {
  const whole =
    typeof value === 'bigint'
      ? value
      : typeof value === 'number' && Number.isInteger(value)
        ? BigInt(value)
        : typeof value === 'string' && /^(?:0|-?[1-9]\d{0,18})$/.test(value)
          ? BigInt(value)
          : undefined
  if (whole === undefined) {
    throw refusedValue(
      `${where} can't hold ${shown(value)}; give a whole number: a number, a bigint or its digits`,
    )
  }
  const end = 2n ** (bits[type] - 1n)
  if (whole >= -end && whole < end) return String(whole)
  throw refusedValue(
    `${where} can't hold ${whole}, its integers have ${bits[type]} bits; declare it bigint or numeric`,
  )
}

/** A number of 64 bits as it is, −0 too. */
export function doubleText(value: unknown, where: string): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint') {
    const double = Number(value)
    if (Number.isFinite(double) && BigInt(double) === value) return String(value)
    throw refusedValue(`${where} would round ${value}n; declare it bigint or numeric`)
  }
  throw refusedValue(`${where} can't hold ${shown(value)}; give a number`)
}

/** So many decimal digits come back from 32 bits as they were. */
const singleDigits = 6

/** A number that 32 bits give back. */
export function singleText(value: unknown, where: string): string {
  const text = doubleText(value, where)
  const number = Number(text)
  const isHeld =
    Number.isNaN(number) ||
    Math.fround(number) === number ||
    Number(number.toPrecision(singleDigits)) === number
  if (isHeld) return text
  throw refusedValue(
    `${where} would round ${text}; declare it double precision, or give Math.fround of it`,
  )
}

/** Of a `numeric(precision, scale)`; undefined where nothing is rounded. */
export function scaleOf(typmod: number): number | undefined {
  if (typmod < 4) return undefined
  // 11 bits with a sign: https://www.postgresql.org/docs/current/datatype-numeric.html
  return (((typmod - 4) & 0x7ff) ^ 1024) - 1024
}

const decimal = /^-?(?:0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,6}))?$/

/** A number of any size, or its digits. */
export function numericText(value: unknown, scale: number | undefined, where: string): string {
  if (typeof value === 'bigint' || typeof value === 'number') {
    const text = String(value)
    if (typeof value === 'number' && !Number.isFinite(value)) return text
    return unrounded(text, scale, where)
  }
  if (typeof value === 'string') {
    if (/^(?:NaN|-?Infinity)$/.test(value)) return value
    if (decimal.test(value)) return unrounded(value, scale, where)
  }
  throw refusedValue(
    `${where} can't hold ${shown(value)}; give a number, a bigint, or a text of digits such as "-12.50"`,
  )
}

function unrounded(text: string, scale: number | undefined, where: string): string {
  if (scale === undefined) return text
  const [, fraction = '', exponent = '0'] = decimal.exec(text) as RegExpExecArray
  const [whole = ''] = text.split(/[.eE]/)
  const digits = (whole.replace('-', '') + fraction).replace(/0+$/, '')
  const given = digits.length - whole.replace('-', '').length - Number(exponent)
  if (/^0*$/.test(digits) || given <= scale) return text
  throw refusedValue(
    `${where} would round ${shown(text)} to ${scale} decimals; round it before, or declare more of them`,
  )
}
