import type { SourceRow } from '../../../core/source.js'
import type { CsvColumns } from './csv-columns.js'
import type { CsvRecords } from './csv-records.js'
import type { LineReader } from './line-reader.js'

const shownLengthMax = 64 * 1024

/**
 * What becomes of a last line without an end. `if-whole`: it is taken where it is whole already as far
 * as can be told.
 */
export type LastLine = 'keep' | 'take' | 'if-whole'

/**
 * Makes rows out of a file's lines: one strategy a format. Where it does not take the last line without
 * an end, a writer may be in the middle of it: a row is then left that more bytes could still change.
 */
export interface RowReader {
  /** The next row; undefined where what has been read so far holds no whole one. */
  next(): SourceRow<unknown> | undefined
  /** Where what was left at the file's end begins; undefined: nothing was. */
  readonly leftAt: number | undefined
}

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
