import { basename } from 'node:path'
import { fileSource, type Source, type SourceRow } from 'semel'
import type { Row } from './reading.js'

type Unnamed = Omit<Row, 'sensor'>

/**
 * Files of `timestamp,value`, one for each sensor and named after it. A row does not say whose it is,
 * so this puts the name in: a source is a plain object, and easily wrapped.
 */
export function sensorFiles(files: readonly string[]): Source<Row> {
  const rows = fileSource<Unnamed>(files, {
    format: 'csv',
    columns: { timestamp: 'string', value: 'number' },
    // Recorded files are whole, though some have no end of their last line.
    lastLine: 'take',
  })
  return {
    ...rows,
    async *read(context) {
      for await (const batch of rows.read(context)) {
        const sensor = basename(batch.partition, '.csv')
        yield {
          ...batch,
          rows: batch.rows.map((row) => named(sensor, row)),
        }
      }
    },
  }
}

function named(sensor: string, row: SourceRow<Unnamed>): SourceRow<Row> {
  if ('message' in row) return { ...row, message: { sensor, ...row.message } }
  const { malformed } = row
  return { ...row, malformed: { ...malformed, reason: `${sensor}: ${malformed.reason}` } }
}
