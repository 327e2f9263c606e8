import { extname } from 'node:path'
import { InvalidArgumentError } from '../../../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../../../core/options.js'
import { sizeBytes, type Size } from '../../../core/sizes.js'
import type { KnownPartition, Source, SourceBatch, SourceContext } from '../../../core/source.js'
import { isNames, type Columns } from '../rows/csv-columns.js'
import { identifyFiles, type IdentifiedFile } from './identify-files.js'
import { checkFile, FilePartition, type FileFormat, type PartitionOptions } from './partition.js'

export interface FileSourceOptions {
  /**
   * - `ndjson`: each line is a JSON value
   * - `csv`: each record is an object of its columns; takes the package `csv-parse`
   * - `lines`: each line is a string
   * @default by the extension, in front of a rotation's numbers: `.ndjson` and `.jsonl`, `.csv`,
   * otherwise `lines`
   */
  format?: FileFormat
  /**
   * CSV: the names of the columns in order, or types by name: `{ price: 'number' }`. A column without
   * a type is text.
   */
  columns?: Columns
  /**
   * CSV: whether the first record holds the names of the columns.
   * @default true, but false where `columns` is a list of names
   */
  header?: boolean
  /**
   * CSV: what stands between two fields, one ASCII character.
   * @default ','
   */
  delimiter?: string
  /**
   * The most rows that are handed on at once, from 1 to 1024.
   * @default 1024
   */
  batch?: number
  /**
   * A longer line is a malformed row; with CSV this bounds a record that quotes spread over several
   * lines too. From 1 KiB to 256 MiB.
   * @default '1MiB'
   */
  maxLineBytes?: Size
  /**
   * What becomes of a last line that has no end yet:
   * - `keep`: it is left for the next reading, since its writer may be in the middle of it: `2,12` may
   *   become `2,12345`
   * - `take`: it is a row; what is appended to it later is another
   * @default `keep`, but taken where it is whole already: of NDJSON a complete object, array or text,
   * which nothing behind it can make another value; of CSV a record with all its columns in a file that
   * begins with a byte order mark, which spreadsheets write as a whole, and nobody appends to
   */
  lastLine?: 'keep' | 'take'
}

/** Files that are open at the same time; the others wait for one of them to end. */
const openFilesMax = 64

const optionNames = [
  'format',
  'columns',
  'header',
  'delimiter',
  'batch',
  'maxLineBytes',
  'lastLine',
] as const satisfies readonly (keyof FileSourceOptions)[]

/**
 * Reads files of lines, each a partition of its own. Several files are read at once, a batch of each in
 * turn, up to 64 at a time. Lines end in `\n`, `\r\n` or `\r`; blank ones are passed over; a byte order
 * mark is not part of the first one. A record of CSV with an open quote at the end of the file is left
 * for the next reading as a line without an end is, unless a line behind the quote is a whole record.
 *
 * Resumable: an offset is the byte behind a row, so a file may grow between two runs, but what has been
 * read must not change. A file is known again by its inode, its first bytes and those in front of what
 * is read next, not by its path: by any spelling, through links, and under another name. Where it was rotated, by renaming it or by copying
 * and cutting it off, the earlier content is looked for in its folder and read to its end, and the new
 * one from its start.
 *
 * A row that can't be read is handed on as malformed, with its line and the reason, and reading goes
 * on with the next line: a line that is not JSON, has too few or too many fields, no number where
 * `columns` says so, bytes that are no UTF-8, quotes that don't match, or is over the limit.
 *
 * @throws InvalidArgumentError where a path or an option can't be used. When it is read:
 * SemelError `SEMEL_SOURCE` where a file can't be, or is no text in UTF-8: compressed, a workbook, in
 * UTF-16; `SEMEL_SOURCE_TRUNCATED` where one has become shorter than what was read of it before, or was
 * replaced while bytes of it had not been read; `SEMEL_MISSING_PEER` where `csv-parse` is not installed
 * @example await stream.consume(fileSource('orders.csv', { columns: { price: 'number' } }))
 */
export function fileSource(
  paths: string | readonly string[],
  options: FileSourceOptions & { format: 'lines' },
): Source<string>
export function fileSource<T = Record<string, unknown>>(
  paths: string | readonly string[],
  options?: FileSourceOptions,
): Source<T>
export function fileSource(
  paths: string | readonly string[],
  options?: FileSourceOptions,
): Source<unknown> {
  const partitions = checkPaths(paths)
  const checked = new Map(partitions.map((path) => [path, checkSourceOptions(path, options)]))
  const [first] = partitions
  return Object.freeze({
    name:
      partitions.length === 1 ? `file(${first})` : `file(${first}, … ${partitions.length} files)`,
    resumable: true,
    partitions,
    files: partitions,
    identify: (known: readonly KnownPartition[], { notice }: Pick<SourceContext, 'notice'>) =>
      identifyFiles(partitions, known, notice ?? (() => {})),
    read: (context: SourceContext) => readFiles(checked, context),
  })
}

type ReadFile = Pick<IdentifiedFile, 'name' | 'readAs'> & Partial<IdentifiedFile>

async function* readFiles(
  options: ReadonlyMap<string, PartitionOptions>,
  { offsets, identified, signal, notice }: SourceContext,
): AsyncGenerator<SourceBatch<unknown>, void> {
  const files = identified as readonly IdentifiedFile[] | undefined
  if (files === undefined) {
    for (const path of options.keys()) {
      if (signal.aborted) return
      await checkFile(path, Number(offsets.get(path) ?? 0))
    }
  }
  const byPath = [...options.keys()].map((path): ReadFile => ({ name: path, readAs: path }))
  const waiting = [...(files ?? byPath)]
  const opened = new Map<FilePartition, ReadFile>()
  // What was at a path before is read to its end before what is there now: keys keep their order.
  const mayBegin = ({ readAs, behind = [] }: ReadFile): boolean =>
    ![...opened.values()].some((one) => one.readAs === readAs) &&
    ![...opened.values(), ...waiting].some(({ name }) => behind.includes(name))
  const openNext = (): boolean => {
    if (waiting.length === 0 || opened.size >= openFilesMax) return false
    const found = waiting.findIndex(mayBegin)
    // Two that have changed their names with each other have no order.
    const at = found < 0 && opened.size === 0 ? 0 : found
    if (at < 0) return false
    const [file] = waiting.splice(at, 1) as [ReadFile]
    const { name, readAs, identity } = file
    const how = options.get(readAs) as PartitionOptions
    opened.set(new FilePartition(name, Number(offsets.get(name) ?? 0), how, identity), file)
    return true
  }
  try {
    while (openNext());
    while (opened.size > 0) {
      for (const partition of opened.keys()) {
        if (signal.aborted) return
        const batch = await partition.next()
        if (batch !== undefined) {
          yield batch
        } else {
          if (partition.left !== undefined) notice?.(partition.left)
          opened.delete(partition)
          await partition.close()
          while (openNext());
        }
      }
    }
  } finally {
    for (const partition of opened.keys()) await partition.close()
  }
}

function checkPaths(paths: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(paths) ? paths : [paths]
  if (list.length === 0) {
    throw new InvalidArgumentError('fileSource: the list of paths is empty; give at least one path')
  }
  const seen = new Set<string>()
  for (const path of list) {
    if (typeof path !== 'string' || path === '' || path.includes('\0')) {
      throw new InvalidArgumentError(
        `fileSource: ${shown(path)} is not a path; give the file to read`,
      )
    }
    if (seen.has(path)) {
      throw new InvalidArgumentError(`fileSource: ${shown(path)} is given twice; give it once`)
    }
    seen.add(path)
  }
  return Object.freeze([...seen])
}

/** The options for one path. @throws InvalidArgumentError */
export function checkSourceOptions(path: string, options: unknown): PartitionOptions {
  const given = checkOptions<FileSourceOptions>(options, 'fileSource', optionNames)
  const format = checkFormat(given.format ?? formatOf(path))
  for (const name of ['columns', 'header', 'delimiter'] as const) {
    if (given[name] !== undefined && format !== 'csv') {
      throw new InvalidArgumentError(
        `fileSource.${name}: goes with CSV, but ${path} is read as '${format}'; say format: 'csv'`,
      )
    }
  }
  const columns = checkColumns(given.columns === undefined ? {} : given.columns)
  const header = given.header ?? !isNames(columns)
  if (typeof header !== 'boolean') {
    throw new InvalidArgumentError(
      `fileSource.header: ${shown(header)} is neither true nor false; give one of them`,
    )
  }
  if (!header && Object.keys(columns).length === 0) {
    throw new InvalidArgumentError(
      `fileSource.header: without a header the columns need names; give columns: ['…', '…']`,
    )
  }
  return {
    format,
    columns,
    header,
    delimiter: checkDelimiter(given.delimiter ?? ','),
    batchRowsMax: wholeNumber(given.batch ?? 1024, 'fileSource.batch', 1, 1024),
    lineBytesMax: wholeNumber(
      sizeBytes((given.maxLineBytes ?? '1MiB') as Size, 'fileSource.maxLineBytes'),
      'fileSource.maxLineBytes',
      1024,
      256 * 1024 * 1024,
    ),
    lastLine: checkLastLine(given.lastLine),
  }
}

function checkLastLine(lastLine: unknown): PartitionOptions['lastLine'] {
  if (lastLine === undefined || lastLine === 'keep' || lastLine === 'take') return lastLine
  throw new InvalidArgumentError(
    `fileSource.lastLine: there is no ${shown(lastLine)}; there are 'keep' and 'take'`,
  )
}

/** By the extension in front of the numbers that a rotation puts behind. */
function formatOf(path: string): FileFormat {
  switch (extname(path.replace(/(?:\.\d+)+$/, '')).toLowerCase()) {
    case '.ndjson':
    case '.jsonl':
      return 'ndjson'
    case '.csv':
      return 'csv'
    default:
      return 'lines'
  }
}

function checkFormat(format: unknown): FileFormat {
  if (format === 'ndjson' || format === 'csv' || format === 'lines') return format
  throw new InvalidArgumentError(
    `fileSource.format: there is no ${shown(format)}; there are 'ndjson', 'csv' and 'lines'`,
  )
}

function checkColumns(columns: unknown): Columns {
  if (!isColumns(columns)) {
    throw new InvalidArgumentError(
      `fileSource.columns: ${shown(columns)} names no columns; give ['time', 'price'] or ` +
        `{ price: 'number' }, where a type is 'string' or 'number'`,
    )
  }
  const names = isNames(columns) ? columns : Object.keys(columns)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    throw new InvalidArgumentError(
      `fileSource.columns: ${shown(twice)} is given twice; each column needs a name of its own`,
    )
  }
  return columns
}

function isColumns(columns: unknown): columns is Columns {
  if (typeof columns !== 'object' || columns === null) return false
  if (Array.isArray(columns)) {
    return columns.length > 0 && columns.every((name) => typeof name === 'string')
  }
  return Object.values(columns).every((type) => type === 'string' || type === 'number')
}

function checkDelimiter(delimiter: unknown): string {
  if (typeof delimiter === 'string' && /^[\t -~]$/.test(delimiter) && delimiter !== '"') {
    return delimiter
  }
  throw new InvalidArgumentError(
    `fileSource.delimiter: ${shown(delimiter)} can't stand between fields; give one ASCII character, ` +
      `such as ',' ';' or '\\t'`,
  )
}
