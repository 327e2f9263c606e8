import type { SourceRow } from '../../core/source.js'
import type { CsvColumns } from './csv-columns.js'
import type { CsvRecords } from './csv-records.js'
import type { LineReader } from './line-reader.js'

const shownLengthMax = 64 * 1024

/** Makes rows out of a file's lines: one strategy a format. */
export interface RowReader {
  /** The next row; undefined where what has been read so far holds no whole one. */
  next(): SourceRow<unknown> | undefined
}

/** Each line as its text. */
export class TextRows implements RowReader {
  readonly #lines: LineReader

  constructor(lines: LineReader) {
    this.#lines = lines
  }

  next(): SourceRow<string> | undefined {
    const lines = this.#lines
    while (lines.next()) {
      const text = lines.text()
      if (lines.fault !== undefined) return malformed(text, lines.line, lines.fault, lines.offset)
      if (!isBlank(text)) return { message: text, offset: lines.offset }
    }
    return undefined
  }
}

/** Each line as the JSON value that it holds. */
export class JsonRows implements RowReader {
  readonly #lines: LineReader

  constructor(lines: LineReader) {
    this.#lines = lines
  }

  next(): SourceRow<unknown> | undefined {
    const lines = this.#lines
    while (lines.next()) {
      const text = lines.text()
      if (lines.fault !== undefined) return malformed(text, lines.line, lines.fault, lines.offset)
      if (isBlank(text)) continue
      try {
        return { message: JSON.parse(text) as unknown, offset: lines.offset }
      } catch (thrown) {
        return malformed(text, lines.line, (thrown as SyntaxError).message, lines.offset)
      }
    }
    return undefined
  }
}

/** Each CSV record as an object of its columns. */
export class CsvRows implements RowReader {
  readonly #records: CsvRecords
  readonly #columns: CsvColumns

  constructor(records: CsvRecords, columns: CsvColumns) {
    this.#records = records
    this.#columns = columns
  }

  next(): SourceRow<Record<string, unknown>> | undefined {
    const record = this.#records.next()
    if (record === undefined) return undefined
    const { fields, text, line, offset } = record
    const message = typeof fields === 'string' ? fields : this.#columns.message(fields)
    if (typeof message === 'string') return malformed(text, line, message, offset)
    return { message, offset }
  }
}

/** A row that can't be read, with as much of its text as is kept. */
export function malformed(
  text: string,
  line: number,
  reason: string,
  offset: number,
): SourceRow<never> {
  return { malformed: { text: text.slice(0, shownLengthMax), line, reason }, offset }
}

/** Nothing but spaces, tabs and stray returns: no row, in any format. */
export function isBlank(text: string): boolean {
  return text.length === 0 || (text.charCodeAt(0) <= 0x20 && /^[ \t\r]*$/.test(text))
}
