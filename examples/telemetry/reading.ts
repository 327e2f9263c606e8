import { kindOf, type Kind } from './kinds.js'

/** A row of a sensor's file. */
export interface Row {
  readonly sensor: string
  /** UTC, as `2014-02-14 14:30:00`. */
  readonly timestamp: string
  readonly value: number
}

export interface Reading {
  readonly sensor: string
  readonly kind: Kind
  readonly time: Date
  /** In the unit of its kind. */
  readonly value: number
}

export interface Alert {
  readonly sensor: string
  readonly kind: string
  /** UTC, as ISO 8601. */
  readonly time: string
  readonly value: number
  readonly unit: string
  /** The limit that the value is beyond. */
  readonly limit: number
}

/**
 * What a row says.
 * @throws Error where it can't be right, with the reason
 */
export function toReading({ sensor, timestamp, value: reported }: Row): Reading {
  const kind = kindOf(sensor)
  const time = new Date(`${timestamp.replace(' ', 'T')}Z`)
  if (Number.isNaN(time.getTime())) throw new Error(`${sensor}: ${timestamp} is not a time`)
  const value = kind.convert(reported)
  const { max = Infinity } = kind
  if (!(value >= 0 && value <= max)) {
    throw new Error(`${sensor}: ${reported} at ${timestamp} is out of range`)
  }
  return { sensor, kind, time, value }
}

/** The alert that a reading raises; none where it is within the limits of its kind. */
export function alertsOf({ sensor, kind, time, value }: Reading): Alert[] {
  const { name, unit, low = -Infinity, high = Infinity } = kind
  if (value >= low && value <= high) return []
  const limit = value < low ? low : high
  return [{ sensor, kind: name, time: time.toISOString(), value, unit, limit }]
}
