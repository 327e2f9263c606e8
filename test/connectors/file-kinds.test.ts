// What is no text in UTF-8 is refused in words, and text is not.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileSource } from '../../src/connectors/file/source/source.js'
import { textStream } from '../../src/connectors/file/source/text-stream.js'
import { Keeper } from './keeper.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 60)

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'semel-file-kinds-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

function put(name: string, content: string | Buffer): string {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}

const rows = '{"id":1}\n{"id":2}\n{"id":"é"}\n'.repeat(20)
const wide = (text: string, bytes: 2 | 4, order: 'LE' | 'BE'): Buffer => {
  const units = bytes === 2 ? [...text].flatMap((c) => [...c].map((u) => u.charCodeAt(0))) : [...text].map((c) => c.codePointAt(0) as number) // prettier-ignore
  const buffer = Buffer.alloc(units.length * bytes)
  for (const [i, unit] of units.entries()) {
    if (order === 'LE') buffer.writeUIntLE(unit, i * bytes, bytes)
    else buffer.writeUIntBE(unit, i * bytes, bytes)
  }
  return buffer
}

describe('a file is refused in words, naming the remedy', () => {
  test.each<[string, Buffer, RegExp]>([
    ['gzip', gzipSync(rows), /compressed with gzip.*gzip -dc .*--source -/],
    ['zstd', Buffer.from('28b52ffd2400010000', 'hex'), /compressed with zstd.*zstd -dc/],
    ['bzip2', Buffer.from('BZh91AY&SY....', 'latin1'), /compressed with bzip2.*bzip2 -dc/],
    ['xz', Buffer.from('fd377a585a000004', 'hex'), /compressed with xz.*xz -dc/],
    ['lz4', Buffer.from('04224d186440', 'hex'), /compressed with lz4/],
    ['xlsx', Buffer.from('504b030414000600', 'hex'), /a workbook such as \.xlsx.*export it/],
    ['xls', Buffer.from('d0cf11e0a1b11ae1', 'hex'), /a workbook such as \.xls/],
    ['sqlite', Buffer.from('SQLite format 3\0\x10\0'), /an SQLite database/],
    ['parquet', Buffer.from('PAR1\x15\x04'), /a Parquet file/],
    ['avro', Buffer.from('Obj\x01\x04'), /an Avro file/],
    ['UTF-16 with a mark', wide(`\ufeff${rows}`, 2, 'LE'), /written in UTF-16.*iconv/],
    ['UTF-16BE with a mark', wide(`\ufeff${rows}`, 2, 'BE'), /written in UTF-16.*iconv/],
    ['UTF-16 without one', wide(rows, 2, 'LE'), /written in UTF-16.*iconv -f UTF-16LE/],
    ['UTF-16BE without one', wide(rows, 2, 'BE'), /written in UTF-16.*iconv -f UTF-16BE/],
    ['UTF-32 with a mark', wide(`\ufeff${rows}`, 4, 'LE'), /written in UTF-32.*iconv/],
    ['UTF-32BE with a mark', wide(`\ufeff${rows}`, 4, 'BE'), /written in UTF-32.*iconv/],
    ['UTF-32 without one', wide(rows, 4, 'LE'), /written in UTF-32.*iconv -f UTF-32LE/],
    ['UTF-32BE without one', wide(rows, 4, 'BE'), /written in UTF-32.*iconv -f UTF-32BE/],
  ])('%s', async (_, content, message) => {
    for (const name of ['in.ndjson', 'in.csv', 'in.log']) {
      await expect(new Keeper().read(fileSource(put(name, content)))).rejects.toMatchObject({
        code: 'SEMEL_SOURCE',
        message: expect.stringMatching(message),
      })
    }
    const piped = textStream(Readable.from([content]), '-', { format: 'lines' })
    await expect(new Keeper().read(piped)).rejects.toMatchObject({ code: 'SEMEL_SOURCE' })
  })

  test.each([
    ['deflate', deflateSync(rows)],
    ['brotli', brotliCompressSync(rows)],
  ])('%s has no mark of its own: its lines are malformed rows', async (_, content) => {
    const { messages, malformed } = await new Keeper().read(
      fileSource(put('in.ndjson', content), { lastLine: 'take' }),
    )
    expect(messages).toEqual([])
    expect(malformed.length).toBeGreaterThan(0)
  })
})

test.each([
  'BZh is a name\n',
  'PAR1 too\n',
  'Obj\n',
  'PK\n',
  'a\0b\0\n',
  '\u4e2d\u6587\n',
  'id\0\n',
])('the text %j is read', async (text) => {
  const { messages } = await new Keeper().read(fileSource(put('in.log', text)))
  expect(messages).toEqual([text.slice(0, -1)])
})

test('any text of lines is read, and none of it taken for something else', async () => {
  const unit = fc.constantFrom(
    'a',
    '"',
    ',',
    '{',
    '\t',
    '\u00fe',
    '\u00ff',
    '\ufffe',
    '\u4e2d',
    '😀',
    '\0',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit, minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 10 }),
      async (lines) => {
        const kept = lines.filter((line) => line.trim() !== '' && /[^\0]{2}/.test(line))
        const path = put('in.log', kept.map((line) => `${line}\n`).join(''))
        expect((await new Keeper().read(fileSource(path))).messages).toEqual(kept)
      },
    ),
    { numRuns },
  )
})

describe('a text that comes as a stream', () => {
  test('is read once, however it is cut, with its last line', async () => {
    const text = Buffer.from('{"id":1}\r\n{"id":"é"}\r{"id":3}')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 6 }), async (at) => {
        const cuts = [0, ...at.toSorted((a, b) => a - b), text.length]
        const chunks = cuts.slice(1).map((to, i) => text.subarray(cuts[i], to))
        const source = textStream(Readable.from(chunks), '-', { format: 'ndjson' })
        expect(source.resumable).toBe(false)
        const messages: unknown[] = []
        const { signal } = new AbortController()
        for await (const { rows: some } of source.read({ offsets: new Map(), signal })) {
          for (const row of some) if ('message' in row) messages.push(row.message)
        }
        expect(messages).toEqual([{ id: 1 }, { id: 'é' }, { id: 3 }])
      }),
      { numRuns },
    )
  })

  test('hands on what has come, and ends when it is aborted', async () => {
    const stream = new Readable({ read() {} })
    const abort = new AbortController()
    stream.push('a,b\n1,2\n')
    const source = textStream(stream, '-', { format: 'csv' })
    const batches: unknown[] = []
    for await (const { rows: some } of source.read({ offsets: new Map(), signal: abort.signal })) {
      batches.push(some)
      setTimeout(() => abort.abort(), 5)
    }
    expect(batches).toEqual([[{ message: { a: '1', b: '2' }, offset: 8 }]])
    expect(stream.destroyed).toBe(true)
  })

  test('that fails is an error of the source', async () => {
    const stream = new Readable({ read() {} })
    const source = textStream(stream, '-', { format: 'lines' })
    const { signal } = new AbortController()
    const reading = source.read({ offsets: new Map(), signal })[Symbol.asyncIterator]().next()
    stream.destroy(new Error('the pipe broke'))
    await expect(reading).rejects.toMatchObject({ code: 'SEMEL_SOURCE' })
  })
})
