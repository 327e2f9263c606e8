import { types } from 'node:util'
import { shown } from '../../../core/options.js'
import { refusedValue } from '../errors.js'

const day = String.raw`\d{4,6}-\d{2}-\d{2}`
const time = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.(?<fraction>\d+))?)?`
const zone = String.raw`(?:Z|[+-]\d{2}(?::?\d{2})?)`
const era = String.raw`(?: BC)?`

/** What is meant without a session's settings: ISO 8601. `now`, `01/02/2000` and the like are not. */
const forms = {
  date: new RegExp(`^(?:${day}${era}|-?infinity)$`),
  time: new RegExp(`^${time}$`),
  timetz: new RegExp(`^${time}${zone}$`),
  timestamp: new RegExp(`^(?:${day}[T ]${time}${era}|-?infinity)$`),
  timestamptz: new RegExp(`^(?:${day}[T ]${time}${zone}${era}|-?infinity)$`),
  interval: /^P(?=.)[-\dYMWD.]*(?:T[-\dHMS.]+)?$/,
} as const

const examples: Readonly<Record<keyof typeof forms, string>> = {
  date: '"2026-11-28"',
  time: '"12:30:00"',
  timetz: '"12:30:00+01:00"',
  timestamp: '"2026-11-28T12:30:00", without a zone',
  timestamptz: 'a Date, or "2026-11-28T12:30:00+01:00", with its zone',
  interval: '"P1DT2H", as ISO 8601 has it',
}

/** Microseconds. */
const digitsMax = 6

/** A date or time of this type, of which nothing is left to the session nor rounded. */
export function timeText(
  value: unknown,
  type: keyof typeof forms,
  typmod: number,
  where: string,
): string {
  if (type === 'timestamptz' && types.isDate(value)) return dateText(value, typmod, where)
  const form = typeof value === 'string' ? forms[type].exec(value) : null
  if (form === null) {
    throw refusedValue(`${where} can't hold ${shown(value)}; give ${examples[type]}`)
  }
  const digits = type === 'interval' || typmod < 0 ? digitsMax : typmod
  if ((form.groups?.['fraction'] ?? '').replace(/0+$/, '').length <= digits) return value as string
  throw refusedValue(
    `${where} would round ${shown(value)} to ${digits} digits of a second; round it before`,
  )
}

function dateText(value: Date, typmod: number, where: string): string {
  const ms = value.getTime()
  if (Number.isNaN(ms)) throw refusedValue(`${where} can't hold an invalid Date; give a valid one`)
  const text = value.toISOString()
  const year = value.getUTCFullYear()
  const digits = typmod < 0 ? digitsMax : typmod
  if (text.slice(-4, -1).replace(/0+$/, '').length > digits) {
    throw refusedValue(
      `${where} would round ${text} to ${digits} digits of a second; round it before`,
    )
  }
  if (year > 9999) return text.slice(1)
  // There is no year 0: the one before 1 is 1 BC.
  return year > 0
    ? text
    : `${String(1 - year).padStart(4, '0')}${text.slice(text.indexOf('-', 1))} BC`
}
