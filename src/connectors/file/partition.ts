import { open, stat, type FileHandle } from 'node:fs/promises'
import { SemelError } from '../../core/errors.js'
import type { SourceBatch, SourceRow } from '../../core/source.js'
import { csvColumns, isNames, type Columns } from './csv-columns.js'
import { loadCsvParse } from './csv-fields.js'
import { CsvRecords } from './csv-records.js'
import { sourceError } from './errors.js'
import { LineReader, lineAt } from './line-reader.js'
import { CsvRows, JsonRows, TextRows, type RowReader } from './rows.js'

/** How the rows of a file are written. */
export type FileFormat = 'ndjson' | 'csv' | 'lines'

/** How one file is read: the checked options of `fileSource`. */
export interface PartitionOptions {
  readonly format: FileFormat
  readonly columns: Columns
  readonly header: boolean
  readonly delimiter: string
  readonly batchRowsMax: number
  readonly lineBytesMax: number
}

/**
 * Looks whether a file can be read from `offset` on, before any file is.
 * @throws SemelError `SEMEL_SOURCE`, or `SEMEL_SOURCE_TRUNCATED` where it is shorter
 */
export async function checkFile(path: string, offset: number): Promise<void> {
  const handle = await openFile(path)
  try {
    const { size } = await handle.stat()
    if (size < offset) throw truncated(path, size, offset)
  } finally {
    await handle.close()
  }
}

/** One file on its way through: opened with the first batch. */
export class FilePartition {
  readonly #path: string
  readonly #offset: number
  readonly #options: PartitionOptions
  #handle: FileHandle | undefined
  #lines: LineReader | undefined
  #rows: RowReader | undefined
  #size = 0

  constructor(path: string, offset: number, options: PartitionOptions) {
    this.#path = path
    this.#offset = offset
    this.#options = options
  }

  /** The next rows; undefined at the end of the file. */
  async next(): Promise<SourceBatch<unknown> | undefined> {
    try {
      const reader = this.#rows ?? (await this.#open())
      const lines = this.#lines as LineReader
      const rows: SourceRow<unknown>[] = []
      let ended = false
      while (rows.length < this.#options.batchRowsMax && !ended) {
        const row = reader.next()
        if (row !== undefined) rows.push(row)
        else ended = !(await lines.fill())
      }
      const last = rows[rows.length - 1]
      if (last === undefined) return undefined
      // At the end the blank lines behind the last row are done as well.
      const offset = ended ? lines.offset : last.offset
      this.#size = Math.max(this.#size, offset)
      return { partition: this.#path, rows, offset, size: this.#size }
    } catch (thrown) {
      throw sourceError(this.#path, thrown)
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #open(): Promise<RowReader> {
    const handle = await openFile(this.#path)
    this.#handle = handle
    this.#size = (await handle.stat()).size
    if (this.#size < this.#offset) throw truncated(this.#path, this.#size, this.#offset)
    const start = { offset: this.#offset, line: await lineAt(handle, this.#offset) }
    const lines = new LineReader(handle, this.#options.lineBytesMax, start)
    this.#lines = lines
    this.#rows = await this.#rowReader(handle, lines)
    return this.#rows
  }

  async #rowReader(handle: FileHandle, lines: LineReader): Promise<RowReader> {
    switch (this.#options.format) {
      case 'ndjson':
        return new JsonRows(lines)
      case 'lines':
        return new TextRows(lines)
      case 'csv':
        return this.#csvRows(handle, lines)
      default:
        return this.#options.format satisfies never
    }
  }

  async #csvRows(handle: FileHandle, lines: LineReader): Promise<CsvRows> {
    const { header, columns, delimiter, lineBytesMax } = this.#options
    const csv = await loadCsvParse()
    const records = new CsvRecords(lines, csv, delimiter, lineBytesMax)
    let names: readonly string[] | undefined
    if (header) {
      // The header stands in front of the rows, wherever these go on.
      let from = lines
      let headerRecords = records
      if (this.#offset > 0) {
        from = new LineReader(handle, lineBytesMax, { offset: 0, line: 1 })
        headerRecords = new CsvRecords(from, csv, delimiter, lineBytesMax)
      }
      names = await readHeader(this.#path, headerRecords, from)
      if (names === undefined) return new CsvRows(records, csvColumns(this.#path, [], []))
      if (isNames(columns)) names = undefined
    }
    return new CsvRows(records, csvColumns(this.#path, names, columns))
  }
}

async function readHeader(
  path: string,
  records: CsvRecords,
  lines: LineReader,
): Promise<readonly string[] | undefined> {
  let record = records.next()
  while (record === undefined) {
    if (!(await lines.fill())) return undefined
    record = records.next()
  }
  if (typeof record.fields !== 'string') return record.fields
  throw new SemelError(
    'SEMEL_SOURCE',
    `${path}: its header in line ${record.line} can't be read: ${record.fields}; correct it, or give ` +
      `the names by columns: ['…', '…'] and say header: false`,
  )
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // Looked at first: opening a pipe would wait for a writer.
    if ((await stat(path)).isFile()) return await open(path, 'r')
  } catch (thrown) {
    throw sourceError(path, thrown)
  }
  throw new SemelError('SEMEL_SOURCE', `${path} is not a regular file; give the path of one`)
}

function truncated(path: string, size: number, offset: number): SemelError {
  return new SemelError(
    'SEMEL_SOURCE_TRUNCATED',
    `${path} has ${size} bytes, but ${offset} of it have been read before; put the file back as it ` +
      `was, or open the stream with another directory to begin anew`,
  )
}
