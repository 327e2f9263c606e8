import { quotedFields, type CsvParse } from './csv-fields.js'
import type { LineReader } from './line-reader.js'
import { isBlank, type LastLine } from './row.js'

/** A record as it stands in the file. */
export interface CsvRecord {
  /** Its fields, or why it can't be told apart into fields. */
  readonly fields: readonly string[] | string
  readonly text: string
  /** The line that it begins on. */
  readonly line: number
  /** The byte behind it. */
  readonly offset: number
}

interface Line {
  /** Where it begins. */
  readonly start: number
  readonly text: string
  readonly line: number
  readonly offset: number
  readonly fault: string | undefined
  readonly lineEnd: string
}

/**
 * Cuts lines into CSV records. A line without quotes is split here; csv-parse reads the others, one
 * record at a time. It is not given the whole file, because behind a quote that is out of place it
 * takes all that follows for one record, up to the file's end.
 *
 * Lines belong together while the number of quotes in them is odd. Where such a record can't be read,
 * its first line alone is at fault, and the others are read again as if it were not there.
 *
 * At the end of the file a writer may be in the middle of a record. Unless it is taken, it is left: one
 * whose last line has no end (where whole ones are taken: or not all columns), and one with an open
 * quote, if no line behind the quote is a record.
 */
export class CsvRecords {
  readonly #lines: LineReader
  readonly #csv: CsvParse
  readonly #delimiter: string
  readonly #lengthMax: number
  /**
   * Lines that may have to be read again. Those from `#begin` to `#at` are the record whose quotes are
   * odd so far, those from `#at` on were given back. There may be a million: none is shifted out.
   */
  #kept: Line[] = []
  #begin = 0
  #at = 0
  #openLength = 0
  #odd = false
  readonly #last: LastLine
  /** Of a record; 0: not known yet. */
  columns = 0
  /** Where what was left begins. */
  leftAt: number | undefined

  constructor(
    lines: LineReader,
    csv: CsvParse,
    delimiter: string,
    lengthMax: number,
    last: LastLine,
  ) {
    this.#lines = lines
    this.#csv = csv
    this.#delimiter = delimiter
    this.#lengthMax = lengthMax
    this.#last = last
  }

  /** The next record; undefined where what has been read so far holds no whole one. */
  next(): CsvRecord | undefined {
    while (this.leftAt === undefined) {
      const line = this.#kept[this.#at] ?? this.#read()
      const open = this.#at > this.#begin
      if (line === undefined) {
        if (!open || !this.#lines.ended) return undefined
        return this.#mayGoOn() ? this.#leave() : this.#giveBack(unclosed)
      }
      if (line.lineEnd === '' && this.#last !== 'take' && !this.#isWhole(line, open)) {
        this.#kept[this.#at] = line
        return open && !this.#mayGoOn() ? this.#giveBack(unclosed) : this.#leave()
      }
      if (!open && (line.fault !== undefined || !line.text.includes('"'))) {
        if (this.#at < this.#kept.length) this.#done(this.#at + 1)
        if (line.fault !== undefined) return record(line, line.fault)
        if (isBlank(line.text)) continue
        return record(line, line.text.split(this.#delimiter))
      }
      if (this.#at === this.#kept.length) this.#kept.push(line)
      this.#at++
      this.#openLength += line.text.length + 1
      if (line.fault !== undefined || this.#openLength > this.#lengthMax) {
        return this.#giveBack(unclosed)
      }
      if (hasOddQuotes(line.text)) this.#odd = !this.#odd
      if (!this.#odd) return this.#whole()
    }
    return undefined
  }

  #read(): Line | undefined {
    const lines = this.#lines
    if (!lines.next()) return undefined
    return {
      start: lines.start,
      text: lines.text(),
      line: lines.line,
      offset: lines.offset,
      fault: lines.fault,
      lineEnd: lines.lineEnd,
    }
  }

  #whole(): CsvRecord {
    const first = this.#kept[this.#begin] as Line
    let last = first
    let text = first.text
    for (let i = this.#begin + 1; i < this.#at; i++) {
      text += last.lineEnd
      last = this.#kept[i] as Line
      text += last.text
    }
    const fields = quotedFields(this.#csv, text, this.#delimiter)
    if (typeof fields === 'string') return this.#giveBack(fields)
    this.#done(this.#at)
    return { fields, text, line: first.line, offset: last.offset }
  }

  /** Whether the file's last line ends a record with all its columns. */
  #isWhole(line: Line, open: boolean): boolean {
    if (this.#last !== 'if-whole' || line.fault !== undefined) return false
    if (open) return hasOddQuotes(line.text)
    if (isBlank(line.text)) return true
    if (hasOddQuotes(line.text)) return false
    const fields = line.text.includes('"')
      ? quotedFields(this.#csv, line.text, this.#delimiter)
      : line.text.split(this.#delimiter)
    return typeof fields !== 'string' && fields.length === this.columns
  }

  /** Whether the open quote may be closed by what is still to come. */
  #mayGoOn(): boolean {
    if (this.#last === 'take' || this.#openLength > this.#lengthMax) return false
    const [first, ...behind] = this.#kept.slice(this.#begin, this.#at)
    const columns = this.columns || (first as Line).text.split(this.#delimiter).length
    return !behind.some(
      ({ text, fault }) => fault !== undefined || text.split(this.#delimiter).length === columns,
    )
  }

  #leave(): undefined {
    this.leftAt = (this.#kept[this.#begin] as Line).start
  }

  /** Ends the open record behind its first line. */
  #giveBack(reason: string): CsvRecord {
    const first = this.#kept[this.#begin] as Line
    this.#done(this.#begin + 1)
    return record(first, reason)
  }

  /** The kept lines in front of `at` will not be read again. */
  #done(at: number): void {
    this.#begin = at
    this.#at = at
    this.#openLength = 0
    this.#odd = false
    if (at * 2 < this.#kept.length) return
    this.#kept = this.#kept.slice(at)
    this.#begin = 0
    this.#at = 0
  }
}

const unclosed = 'a quote is opened and never closed'

function record(line: Line, fields: CsvRecord['fields']): CsvRecord {
  return { fields, text: line.text, line: line.line, offset: line.offset }
}

function hasOddQuotes(text: string): boolean {
  let odd = false
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) odd = !odd
  return odd
}
