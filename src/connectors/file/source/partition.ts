import type { FileHandle } from 'node:fs/promises'
import { SemelError } from '../../../core/errors.js'
import type { SourceBatch, SourceNotice, SourceRow } from '../../../core/source.js'
import { csvColumns, isNames, type Columns } from '../rows/csv-columns.js'
import { loadCsvParse } from '../rows/csv-fields.js'
import { CsvRecords } from '../rows/csv-records.js'
import { sourceError } from '../errors.js'
import {
  headBytesMin,
  headUpTo,
  lookAt,
  openFile,
  truncated,
  type FileIdentity,
} from './file-identity.js'
import { printAt } from './file-prints.js'
import { fileStart, hasByteOrderMark, LineReader, lineAt, type Bytes } from '../rows/line-reader.js'
import type { LastLine, RowReader } from '../rows/row.js'
import { CsvRows, JsonRows, TextRows } from '../rows/rows.js'

/** How the rows of a file are written. */
export type FileFormat = 'ndjson' | 'csv' | 'lines'

/** After how much that was read a file gets a new print, in bytes. */
const unprintedBytesMax = 8 * 1024 * 1024

/** How one file is read: the checked options of `fileSource`. */
export interface PartitionOptions {
  readonly format: FileFormat
  readonly columns: Columns
  readonly header: boolean
  readonly delimiter: string
  readonly batchRowsMax: number
  readonly lineBytesMax: number
  /** Undefined: taken where nothing that follows could make another row of it. */
  readonly lastLine: Exclude<LastLine, 'if-whole'> | undefined
}

/**
 * Looks whether a file can be read from `offset` on, before any file is.
 * @throws SemelError `SEMEL_SOURCE`, or `SEMEL_SOURCE_TRUNCATED` where it is shorter
 */
export async function checkFile(path: string, offset: number): Promise<void> {
  const { size } = (await lookAt(path)).identity
  if (size < offset) throw truncated(path, size, offset)
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
  #sizeAtOpen = 0
  #identity: FileIdentity | undefined

  /** @param identity the file that is to be found at the path; undefined: whatever is there */
  constructor(path: string, offset: number, options: PartitionOptions, identity?: FileIdentity) {
    this.#path = path
    this.#offset = offset
    this.#options = options
    this.#identity = identity
  }

  /** What is left at the end of the file, where `next` has told of that. */
  get left(): SourceNotice | undefined {
    const at = this.#rows?.leftAt
    if (at === undefined) return undefined
    const bytes = (this.#lines as LineReader).bytesBehind(at)
    return {
      code: 'SEMEL_SOURCE_UNENDED',
      message: `${this.#path}: ${bytes} bytes behind its last whole row are left for the next reading, since their writer may not be done; lastLine: 'take' (--last-line take) takes them as they are`,
      warning: false,
    }
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
      const offset = ended ? (reader.leftAt ?? lines.offset) : Number(last.offset)
      this.#size = ended ? offset : Math.max(this.#size, offset)
      const batch = { partition: this.#path, rows, offset, size: this.#size }
      const identity = await this.#newIdentity(offset, ended || offset === this.#sizeAtOpen)
      return identity === undefined ? batch : { ...batch, identity }
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
    const { size, dev, ino } = await handle.stat({ bigint: true })
    this.#size = Number(size)
    this.#sizeAtOpen = this.#size
    const { device, inode } = this.#identity ?? {}
    if (this.#identity !== undefined && (device !== String(dev) || inode !== String(ino))) {
      throw new SemelError(
        'SEMEL_SOURCE',
        `${this.#path} was replaced by another file just now; read it again`,
        { retriable: true },
      )
    }
    if (this.#size < this.#offset) throw truncated(this.#path, this.#size, this.#offset)
    const lines = new LineReader(
      handle,
      this.#options.lineBytesMax,
      await lineAt(handle, this.#offset),
    )
    this.#lines = lines
    this.#rows = await rowReader(this.#path, handle, lines, this.#offset, this.#options)
    return this.#rows
  }

  /**
   * Where what the file was known by is far from what has been read of it by now. That is a durable
   * write: so none where the prints have foreseen where the reading would end.
   */
  async #newIdentity(offset: number, ended: boolean): Promise<FileIdentity | undefined> {
    const known = this.#identity
    if (known === undefined) return undefined
    const handle = this.#handle as FileHandle
    const { marks: prints = [] } = known
    const isHeadShort = known.head.bytes < Math.min(headBytesMin, offset)
    const last = prints.findLast(({ at }) => at <= offset)
    const behind = last?.at ?? known.head.bytes
    const far = ended || last === undefined ? 1 : unprintedBytesMax
    if (!isHeadShort && offset - behind < far) return undefined
    const ahead = prints.filter(({ at }) => at > offset)
    this.#identity = {
      ...known,
      head: isHeadShort ? await headUpTo(handle, offset) : known.head,
      marks: [await printAt(handle, offset), ...ahead],
    }
    return this.#identity
  }
}

/** How the rows of a format are read. */
export async function rowReader(
  path: string,
  bytes: Bytes,
  lines: LineReader,
  offset: number,
  options: PartitionOptions,
): Promise<RowReader> {
  switch (options.format) {
    case 'ndjson':
      return new JsonRows(lines, options.lastLine ?? 'if-whole')
    case 'lines':
      return new TextRows(lines, options.lastLine ?? 'keep')
    case 'csv':
      return csvRows(path, bytes, lines, offset, options)
    default:
      return options.format satisfies never
  }
}

async function csvRows(
  path: string,
  bytes: Bytes,
  lines: LineReader,
  offset: number,
  { header, columns, delimiter, lineBytesMax, lastLine }: PartitionOptions,
): Promise<CsvRows> {
  const csv = await loadCsvParse()
  const last = lastLine ?? ((await hasByteOrderMark(bytes)) ? 'if-whole' : 'keep')
  const records = new CsvRecords(lines, csv, delimiter, lineBytesMax, last)
  let names: readonly string[] | undefined
  if (header) {
    // The header stands in front of the rows, wherever these go on.
    let from = lines
    let headerRecords = records
    if (offset > 0) {
      from = new LineReader(bytes, lineBytesMax, fileStart)
      headerRecords = new CsvRecords(from, csv, delimiter, lineBytesMax, last)
    }
    names = await readHeader(path, headerRecords, from)
    if (names === undefined) return new CsvRows(records, csvColumns(path, [], []))
    if (isNames(columns)) names = undefined
  }
  return new CsvRows(records, csvColumns(path, names, columns))
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
