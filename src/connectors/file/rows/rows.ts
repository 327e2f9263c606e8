import type { SourceRow } from '../../../core/source.js'
import type { CsvColumns } from './csv-columns.js'
import type { CsvRecords } from './csv-records.js'
import type { LineReader } from './line-reader.js'
import { isBlank, malformed, type LastLine, type RowReader } from './row.js'

/** Each line as its text. */
export class TextRows implements RowReader {
  readonly #lines: LineReader
  readonly #last: LastLine
  leftAt: number | undefined

  constructor(lines: LineReader, last: LastLine) {
    this.#lines = lines
    this.#last = last
  }

  next(): SourceRow<string> | undefined {
    const lines = this.#lines
    while (lines.next()) {
      if (lines.unended && this.#last !== 'take') {
        lines.leave()
        this.leftAt = lines.offset
        return undefined
      }
      const text = lines.text()
      if (lines.fault !== undefined) return malformed(text, lines.line, lines.fault, lines.offset)
      if (!isBlank(text)) return { message: text, offset: lines.offset }
    }
    return undefined
  }
}

/**
 * Each line as the JSON value that it holds. An object, an array or a text that is complete is taken
 * without a line end too: nothing that comes behind it makes another value of it.
 */
export class JsonRows implements RowReader {
  readonly #lines: LineReader
  readonly #last: LastLine
  leftAt: number | undefined

  constructor(lines: LineReader, last: LastLine) {
    this.#lines = lines
    this.#last = last
  }

  next(): SourceRow<unknown> | undefined {
    const lines = this.#lines
    while (lines.next()) {
      const text = lines.text()
      if (lines.unended && this.#last !== 'take' && !this.#isWhole(text)) {
        lines.leave()
        this.leftAt = lines.offset
        return undefined
      }
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

  /** Of a number or a word more may be to come. */
  #isWhole(text: string): boolean {
    if (this.#last !== 'if-whole') return false
    try {
      const value: unknown = JSON.parse(text)
      return typeof value === 'string' || (typeof value === 'object' && value !== null)
    } catch {
      return false
    }
  }
}

/** Each CSV record as an object of its columns. */
export class CsvRows implements RowReader {
  readonly #records: CsvRecords
  readonly #columns: CsvColumns

  constructor(records: CsvRecords, columns: CsvColumns) {
    this.#records = records
    this.#columns = columns
    records.columns = columns.count
  }

  get leftAt(): number | undefined {
    return this.#records.leftAt
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
