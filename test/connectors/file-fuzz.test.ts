// Files of any bytes through the file source's reader. A short run here; `npm run fuzz -- --target
// file_source --seconds N` is a longer one: it sets SEMEL_FUZZ_SECONDS and SEMEL_FUZZ_SEED.
import { isUtf8 } from 'node:buffer'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CsvParse } from '../../src/connectors/file/rows/csv-fields.js'
import { CsvRecords } from '../../src/connectors/file/rows/csv-records.js'
import { LineReader, lineAt } from '../../src/connectors/file/rows/line-reader.js'
import { isBlank } from '../../src/connectors/file/rows/row.js'
import { JsonRows, TextRows } from '../../src/connectors/file/rows/rows.js'
import { fileSource, type FileSourceOptions } from '../../src/connectors/file/source/source.js'
import { SemelError } from '../../src/core/errors.js'
import type { MalformedRow } from '../../src/core/message.js'
import type { Offset } from '../../src/core/offset.js'
import type { SourceRow } from '../../src/core/source.js'

const seconds = Number(process.env['SEMEL_FUZZ_SECONDS'] ?? 0)
const seed = process.env['SEMEL_FUZZ_SEED']
const tests = 5
const timeout = 60_000 + seconds * 1000
let executions = 0

const parameters: fc.Parameters<unknown> = {
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  ...(seconds === 0
    ? { numRuns: 100 }
    : { numRuns: 1e9, interruptAfterTimeLimit: (seconds * 1000) / tests }),
}

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'semel-file-fuzz-'))
})
afterAll(() => {
  rmSync(dir, { recursive: true })
  if (seconds > 0) console.log(`file_source: ${executions} executions`)
})

// ---- inputs ----

const lineBytesMax = 1024

/** A file's bytes, shown in a counterexample with its runs cut short. */
class Content {
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  [fc.toStringMethod](): string {
    return brief(JSON.stringify(this.bytes.toString('latin1')))
  }
}

function brief(text: string): string {
  return text
    .replace(
      /([^]{1,4}?)\1{30,}/g,
      (run: string, one: string) => `<${one} ×${run.length / one.length}>`,
    )
    .slice(0, 2000)
}

function expectSame(found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return
  throw new Error(
    `found\n${brief(JSON.stringify(found))}\ninstead of\n${brief(JSON.stringify(expected))}`,
  )
}

/** What lines, JSON and CSV are made of, and what has no place in them. */
const pieces = [
  '\n', '\n', '\r\n', '\r', ',', ',', '"', '"', '""', ';', ' ', '\t', '\f', '\u00a0', '\u2028', '\0',
  'a', 'b1', '12.5', '-0', '{"a":1}', '[1,"x"]', 'null', '{"a":', '"quoted"', '"a,b"', '"a\nb"', 'é', '😀',
  '__proto__', '\ufeff', 'x'.repeat(lineBytesMax - 1), 'y'.repeat(lineBytesMax),
  'z'.repeat(lineBytesMax + 1), '€'.repeat(400), 'long'.repeat(17_000),
].map((text) => Buffer.from(text)) // prettier-ignore

const strayBytes = [[0xff], [0xc3], [0x80], [0xf0, 0x9f], [0xed, 0xa0, 0x80], [0xef, 0xbb]].map(
  (bytes) => Buffer.from(bytes),
)

const corpus = [
  'id,price,text\r\n1,2.5,"a ""b"" c"\r\n\r\n2,,"two\nlines"\r\n3,4\r\n',
  'a;b\n1;"x\n2;y\n3;"z"\n',
  'n\n"open\n1\n2\n',
  '{"id":1,"text":"é"}\n\n[]\n{"id":2,\n"text"\n7',
  '\ufeff{"first":true}\r\n{"last":true}',
].map((text) => Buffer.from(text))

const anyPiece = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...pieces) },
  { weight: 1, arbitrary: fc.constantFrom(...strayBytes) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)) },
)

const composed = fc.array(anyPiece, { maxLength: 60 }).map((some) => Buffer.concat(some))

/** A small real file with pieces put in, or taken out. */
const mutated = fc
  .tuple(
    fc.constantFrom(...corpus),
    fc.array(fc.tuple(fc.nat(200), fc.nat(4), anyPiece), { maxLength: 6 }),
  )
  .map(([start, edits]) =>
    edits.reduce((bytes, [place, taken, put]) => {
      const at = Math.min(place, bytes.length)
      return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + taken)])
    }, start),
  )

const anyFile = fc.oneof(composed, mutated).map((bytes) => new Content(bytes))

/** How many bytes each read of a file gives; the last goes on. */
const anyChunks = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 3000 })),
  {
    minLength: 1,
    maxLength: 20,
  },
)
const wholeFile = [Number.MAX_SAFE_INTEGER]

// ---- reading ----

/** A file that gives as many bytes at once as it is told to; it watches what is asked of it. */
function handleOf(content: Buffer, chunks: readonly number[]): FileHandle {
  let reads = 0
  return {
    async read(into: Buffer, offset: number, length: number, position: number) {
      if (into.length > 1024 * 1024) throw new Error('memory follows the length of a line')
      if (reads > content.length + 2) throw new Error('reads repeat')
      // At most some hundred reads a file: each looks through the open line once more.
      const chunk = Math.max(
        chunks[Math.min(reads, chunks.length - 1)] as number,
        reads < chunks.length ? 1 : content.length >> 7,
      )
      reads++
      const bytes = content.subarray(position, position + Math.min(length, chunk))
      into.set(bytes, offset)
      return { bytesRead: bytes.length }
    },
  } as unknown as FileHandle
}

async function all<T>(lines: LineReader, next: () => T | undefined): Promise<T[]> {
  const found: T[] = []
  for (;;) {
    const one = next()
    if (one !== undefined) found.push(one)
    else if (!(await lines.fill())) return found
  }
}

type Row = SourceRow<unknown>
const formats = { ndjson: JsonRows, lines: TextRows } as const

async function readRows(
  format: keyof typeof formats,
  content: Buffer,
  chunks: readonly number[],
  offset = 0,
): Promise<Row[]> {
  const start = await lineAt(handleOf(content, wholeFile), offset)
  const lines = new LineReader(handleOf(content, chunks), lineBytesMax, start)
  const reader = new formats[format](lines, 'take')
  return all<Row>(lines, () => reader.next())
}

interface Recorded {
  readonly fields: readonly string[] | string
  readonly text: string
  readonly line: number
  readonly offset: number
}

async function readRecords(
  content: Buffer,
  chunks: readonly number[],
  offset = 0,
): Promise<Recorded[]> {
  const start = await lineAt(handleOf(content, wholeFile), offset)
  const lines = new LineReader(handleOf(content, chunks), lineBytesMax, start)
  const records = new CsvRecords(lines, { parse } as CsvParse, ',', lineBytesMax, 'take')
  return all<Recorded>(lines, () => records.next())
}

// ---- what the rows must be ----

interface Line {
  readonly bytes: Buffer
  readonly line: number
  readonly offset: number
}

/** The plainest way to cut a file into lines. */
function linesOf(content: Buffer): Line[] {
  const found: Line[] = []
  let start = content.subarray(0, 3).equals(Buffer.of(0xef, 0xbb, 0xbf)) ? 3 : 0
  while (start < content.length) {
    let end = start
    while (end < content.length && content[end] !== 0x0a && content[end] !== 0x0d) end++
    const isPair = content[end] === 0x0d && content[end + 1] === 0x0a
    const offset = Math.min(end + (isPair ? 2 : 1), content.length)
    found.push({ bytes: content.subarray(start, end), line: found.length + 1, offset })
    start = offset
  }
  return found
}

function faultOf({ bytes }: Line): string | undefined {
  if (bytes.length > lineBytesMax) return `the line is longer than ${lineBytesMax} bytes`
  return isUtf8(bytes) ? undefined : 'the line is not valid UTF-8'
}

function shown({ bytes }: Line): string {
  return bytes.toString('utf8', 0, 64 * 1024)
}

function expectedRows(format: keyof typeof formats, content: Buffer): Row[] {
  const rows: Row[] = []
  for (const line of linesOf(content)) {
    const malformed = (reason: string): Row => ({
      malformed: { text: shown(line), line: line.line, reason },
      offset: line.offset,
    })
    const text = line.bytes.toString()
    const fault = faultOf(line)
    if (fault !== undefined) rows.push(malformed(fault))
    else if (/^[ \t\r]*$/.test(text)) continue
    else if (format === 'lines') rows.push({ message: text, offset: line.offset })
    else {
      try {
        rows.push({ message: JSON.parse(text) as unknown, offset: line.offset })
      } catch (thrown) {
        rows.push(malformed((thrown as Error).message))
      }
    }
  }
  return rows
}

function check<T>(anything: fc.Arbitrary<T>, holds: (value: T) => Promise<void>): Promise<void> {
  const property = fc.asyncProperty(anything, async (value) => {
    executions++
    await holds(value)
  })
  return fc.assert(property, parameters as fc.Parameters<[T]>)
}

const behind = <T extends { offset: Offset }>(rows: readonly T[], offset: Offset): T[] =>
  rows.filter((row) => row.offset > offset)

// ---- the properties ----

test.each(['ndjson', 'lines'] as const)(
  'each line of %s is one row, as a plain split says, however the bytes come in',
  async (format) => {
    await check(fc.tuple(anyFile, anyChunks), async ([{ bytes: content }, chunks]) => {
      const expected = expectedRows(format, content)
      expectSame(await readRows(format, content, wholeFile), expected)
      expectSame(await readRows(format, content, chunks), expected)
      for (const { offset } of expected.slice(0, 8)) {
        expectSame(
          await readRows(format, content, chunks, Number(offset)),
          behind(expected, offset),
        )
      }
    })
  },
  timeout,
)

test(
  'CSV records cover the file, each as csv-parse reads it or with what is wrong with its first line',
  async () => {
    await check(anyFile, async ({ bytes: content }) => {
      const records = await readRecords(content, wholeFile)
      const lines = linesOf(content)
      let next = 0
      const takeLine = (): Line => lines[next++] as Line
      const skipBlank = (): void => {
        while (next < lines.length) {
          const line = lines[next] as Line
          if (faultOf(line) !== undefined || !isBlank(line.bytes.toString())) return
          next++
        }
      }
      for (const { fields, text, line, offset } of records) {
        skipBlank()
        const first = takeLine()
        expect(line).toBe(first.line)
        if (typeof fields === 'string') {
          // A record that can't be read ends behind its first line: the others are read again.
          expect(offset).toBe(first.offset)
          expectSame(text, faultOf(first) === undefined ? first.bytes.toString() : shown(first))
          continue
        }
        const start = first.offset - first.bytes.length
        while ((lines[next - 1] as Line).offset < offset) takeLine()
        const last = lines[next - 1] as Line
        expect(last.offset).toBe(offset)
        expect(start).toBeLessThanOrEqual(offset)
        expect(text.length).toBeLessThanOrEqual(lineBytesMax)
        const own = { delimiter: ',', record_delimiter: '\n', relax_column_count: true } as const
        expectSame(parse(text, own), [fields])
        expect(text.startsWith(first.bytes.toString())).toBe(true)
        expect(text.endsWith(last.bytes.toString())).toBe(true)
      }
      skipBlank()
      expect(next).toBe(lines.length)
    })
  },
  timeout,
)

test(
  'CSV records are the same however the bytes come in, and from any of them on',
  async () => {
    await check(fc.tuple(anyFile, anyChunks), async ([{ bytes: content }, chunks]) => {
      const records = await readRecords(content, wholeFile)
      expectSame(await readRecords(content, chunks), records)
      for (const { offset } of records.slice(0, 8)) {
        expectSame(await readRecords(content, chunks, offset), behind(records, offset))
      }
    })
  },
  timeout,
)

interface Found {
  readonly rows: Row[]
  /** Where each batch ends. */
  readonly offsets: number[]
}

/** What the source gives, or the error that it ends with. */
async function readSource(
  path: string,
  options: FileSourceOptions,
  offset = 0,
): Promise<Found | SemelError> {
  const found: Found = { rows: [], offsets: [] }
  const context = { offsets: new Map([[path, offset]]), signal: new AbortController().signal }
  try {
    for await (const batch of fileSource<unknown>(path, options).read(context)) {
      expect(batch.rows.length).toBeGreaterThan(0)
      expect(batch.rows.length).toBeLessThanOrEqual(options.batch ?? 1024)
      found.rows.push(...batch.rows)
      found.offsets.push(Number(batch.offset))
    }
    return found
  } catch (thrown) {
    if (thrown instanceof SemelError) return thrown
    throw thrown
  }
}

const isMessage = (row: Row): boolean => 'message' in row
const malformedOf = (row: Row): MalformedRow | undefined =>
  'malformed' in row ? row.malformed : undefined

const anyOptions: fc.Arbitrary<FileSourceOptions> = fc.record(
  {
    format: fc.constantFrom('ndjson' as const, 'lines' as const),
    batch: fc.integer({ min: 1, max: 5 }),
    maxLineBytes: fc.constantFrom(1024, 2048),
    lastLine: fc.constantFrom('keep' as const, 'take' as const),
  },
  { requiredKeys: ['format'] },
)
const anyCsvOptions: fc.Arbitrary<FileSourceOptions> = fc.record(
  {
    format: fc.constant('csv' as const),
    columns: fc.constantFrom<NonNullable<FileSourceOptions['columns']>>(
      { a: 'number' },
      { id: 'number', text: 'string' },
      ['x', 'y'],
      ['n'],
    ),
    header: fc.boolean(),
    delimiter: fc.constantFrom(',', ';', '\t', 'a'),
    batch: fc.integer({ min: 1, max: 5 }),
    maxLineBytes: fc.constantFrom(1024, 2048),
    lastLine: fc.constantFrom('keep' as const, 'take' as const),
  },
  { requiredKeys: ['format', 'columns'] },
)

test(
  'a source ends with its file or with an error of its own, and goes on from each of its batches',
  async () => {
    const path = join(dir, 'any')
    await check(
      fc.tuple(anyFile, fc.oneof(anyOptions, anyCsvOptions)),
      async ([{ bytes: content }, options]) => {
        writeFileSync(path, content)
        const found = await readSource(path, options)
        if (found instanceof SemelError) {
          expect(found.code).toBe('SEMEL_SOURCE')
          expect(found.message).toContain(path)
          return
        }
        let before = 0
        for (const row of found.rows) {
          expect(row.offset).toBeGreaterThan(before)
          before = Number(row.offset)
          expect(isMessage(row)).toBe(malformedOf(row) === undefined)
        }
        for (const offset of found.offsets.slice(0, 5)) {
          const rest = await readSource(path, options, offset)
          expectSame((rest as Found).rows, behind(found.rows, offset))
        }
        if (options.lastLine !== 'take') return
        // A batch that is full may leave blank lines behind it.
        const behindLast = content.toString('latin1', found.offsets.at(-1) ?? content.length)
        expect(isBlank(behindLast.replaceAll('\n', ''))).toBe(true)
      },
    )
  },
  timeout,
)
