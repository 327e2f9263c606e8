// Files that are read while they are written: cut at any byte, and gone on with.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fileSource, type FileSourceOptions } from '../../src/connectors/file/source/source.js'
import { Keeper, type Read } from './keeper.js'

const numRuns = Number(process.env['SEMEL_RUNS'] ?? 40)

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'semel-file-growing-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}

// ---- texts ----

const lineEnd = fc.constantFrom('\n', '\n', '\r\n', '\r')
const word = fc.string({
  unit: fc.constantFrom('a', '7', ' ', 'é', '€', '😀', '\u2028'),
  minLength: 1,
  maxLength: 6,
})
/** No more than its own quotes is open where it is cut: a line inside it is no record of two columns. */
const field = fc.oneof(
  word,
  fc
    .array(fc.oneof(word, fc.constantFrom('""', '\n', '\r\n', '\r')), { maxLength: 5 })
    .map((parts) => `"${parts.join('')}"`),
)
const rowOf = {
  ndjson: fc.oneof(
    fc.record({ id: fc.nat(), text: word }).map((row) => JSON.stringify(row)),
    fc.nat().map(String),
    fc.constantFrom('"text"', 'true', '[]', '{"torn":', ' ', ''),
  ),
  lines: fc.oneof(word, fc.constantFrom('', '  ', '"')),
  csv: fc.oneof(
    fc.tuple(fc.nat(), field).map((fields) => fields.join(',')),
    fc.constantFrom('1,2,3', 'ragged', ''),
  ),
} as const

const textOf = (format: keyof typeof rowOf, mark: string): fc.Arbitrary<Buffer> =>
  fc
    .array(fc.tuple(rowOf[format], lineEnd), { minLength: 1, maxLength: 12 })
    .map((rows) =>
      Buffer.from(
        mark + (format === 'csv' ? 'id,text\n' : '') + rows.map(([row, end]) => row + end).join(''),
      ),
    )

const rowsOf = ({ messages, malformed }: Read): object => ({ messages, malformed })

describe.each(['ndjson', 'lines', 'csv'] as const)('%s', (format) => {
  test.each<[string, FileSourceOptions]>([
    ['', {}],
    ['', { lastLine: 'keep' }],
    ['\ufeff', { lastLine: 'keep' }],
  ])(
    'cut at any bytes and gone on with is what it is as a whole (mark %j, %j)',
    async (mark, options) => {
      await fc.assert(
        fc.asyncProperty(
          textOf(format, mark),
          fc.array(fc.nat(1000), { maxLength: 8 }),
          fc.integer({ min: 1, max: 3 }),
          async (text, at, batch) => {
            const source = (path: string) => fileSource(path, { ...options, format, batch })
            const whole = await new Keeper().read(source(put('whole', text)))
            const cuts = [...at.map((cut) => cut % (text.length + 1)), text.length].toSorted(
              (a, b) => a - b,
            )
            const path = put('grows', '')
            const keeper = new Keeper()
            const found: Read = { messages: [], malformed: [], notices: [], partitions: [] }
            let from = 0
            for (const to of cuts) {
              appendFileSync(path, text.subarray(from, to))
              const { messages, malformed } = await keeper.read(source(path))
              found.messages.push(...messages)
              found.malformed.push(...malformed)
              from = to
            }
            expect(rowsOf(found)).toEqual(rowsOf(whole))
            expect(keeper.known).toHaveLength(1)
          },
        ),
        { numRuns },
      )
    },
    60_000,
  )
})

describe('a last line without an end', () => {
  test.each([
    ['a.ndjson', '{"n":1}\n{"n":2}', [{ n: 1 }, { n: 2 }]],
    ['a.ndjson', '{"n":1}\n[2', [{ n: 1 }]],
    ['a.ndjson', '1\n23', [1]],
    ['a.ndjson', '1\n"é"', [1, 'é']],
    ['a.ndjson', '1\nnull', [1]],
    ['a.csv', 'a,b\n1,2\n3,4', [{ a: '1', b: '2' }]],
    ['a.csv', '\ufeffa,b\n1,2\n3,4', [{ a: '1', b: '2' }, { a: '3', b: '4' }]], // prettier-ignore
    ['a.csv', '\ufeffa,b\n1,2\n3', [{ a: '1', b: '2' }]],
    ['a.csv', '\ufeffa,b\n1,2\n3,"4', [{ a: '1', b: '2' }]],
    ['a.csv', '\ufeffa,b\r\n1,"2\r\n3"', [{ a: '1', b: '2\r\n3' }]],
    ['a.csv', 'a,b', []],
    ['a.log', 'one\ntwo', ['one']],
  ])('of %s with %j: what is whole is taken, the rest left and told', async (name, text, rows) => {
    const keeper = new Keeper()
    const { messages, malformed, notices } = await keeper.read(fileSource(put(name, text)))
    expect({ messages, malformed }).toEqual({ messages: rows, malformed: [] })
    const offset = keeper.known[0]?.offset ?? 0
    const left = Buffer.byteLength(text) - offset
    if (left === 0) expect(notices).toEqual([])
    else if (offset > 0) {
      expect(notices).toMatchObject([
        {
          code: 'SEMEL_SOURCE_UNENDED',
          message: expect.stringContaining(`: ${left} bytes behind its last whole row are left`),
          warning: false,
        },
      ])
    }
  })

  test('is taken by an option, and what is appended to it is another row', async () => {
    const path = put('a.csv', 'a,b\n1,2\n3,4')
    const source = fileSource(path, { lastLine: 'take' })
    const keeper = new Keeper()
    expect((await keeper.read(source)).messages).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ])
    appendFileSync(path, '\n5,6')
    expect((await keeper.read(source)).messages).toEqual([{ a: '5', b: '6' }])
  })

  test('over the limit is left like any other, and a malformed row once it ends', async () => {
    const path = put('a.log', `one\n${'x'.repeat(3_000_000)}`)
    const keeper = new Keeper()
    const first = await keeper.read(fileSource(path))
    expect(first.messages).toEqual(['one'])
    expect(first.malformed).toEqual([])
    appendFileSync(path, '\ntwo\n')
    const second = await keeper.read(fileSource(path))
    expect(second.messages).toEqual(['two'])
    expect(second.malformed).toMatchObject([{ line: 2, reason: expect.stringContaining('longer') }])
  })
})

describe('an open quote at the end of a file', () => {
  test('is left where nothing behind it is a record: its field may go on', async () => {
    const path = put('a.csv', 'a,b\n1,"two\n')
    const keeper = new Keeper()
    expect((await keeper.read(fileSource(path))).malformed).toEqual([])
    appendFileSync(path, 'lines"\n3,4\n')
    expect((await keeper.read(fileSource(path))).messages).toEqual([
      { a: '1', b: 'two\nlines' },
      { a: '3', b: '4' },
    ])
  })

  test('is a stray one where a whole record stands behind it', async () => {
    const { messages, malformed } = await new Keeper().read(
      fileSource(put('a.csv', 'a,b\n1,"two\n3,4\n')),
    )
    expect(messages).toEqual([{ a: '3', b: '4' }])
    expect(malformed).toMatchObject([{ line: 2, text: '1,"two' }])
  })
})

describe('line ends', () => {
  test.each([
    ['a.csv', 'id,v\r1,a\r2,b\r', [{ id: '1', v: 'a' }, { id: '2', v: 'b' }]], // prettier-ignore
    ['a.csv', 'id,v\r\n1,a\r2,b\n3,c\r\n', [{ id: '1', v: 'a' }, { id: '2', v: 'b' }, { id: '3', v: 'c' }]], // prettier-ignore
    ['a.csv', 'id,v\r1,"a\rb"\r', [{ id: '1', v: 'a\rb' }]],
    ['a.ndjson', '1\r2\r\n3\n4\r', [1, 2, 3, 4]],
    ['a.log', 'one\rtwo\r\rthree\r\n', ['one', 'two', 'three']],
  ])('of %s with %j may be mixed, and lone returns', async (name, text, rows) => {
    expect((await new Keeper().read(fileSource(put(name, text)))).messages).toEqual(rows)
  })

  test('of lone returns are found across the blocks in which a file is read', async () => {
    const rows = Array.from({ length: 100_000 }, (_, i) => ({
      id: String(i),
      v: 'é'.repeat(i % 7),
    }))
    const text = `id,v\r${rows.map(({ id, v }) => `${id},${v}\r`).join('')}`
    expect((await new Keeper().read(fileSource(put('a.csv', text)))).messages).toEqual(rows)
  })

  test('count for the line of a malformed row, whatever they are', async () => {
    const path = put('a.ndjson', '1\r2\r\n3\n4\r')
    const keeper = new Keeper()
    await keeper.read(fileSource(path))
    appendFileSync(path, '\n5\rx\n')
    expect((await keeper.read(fileSource(path))).malformed).toMatchObject([{ text: 'x', line: 6 }])
  })
})
