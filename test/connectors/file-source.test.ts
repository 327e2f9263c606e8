import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadCsvParse } from '../../src/connectors/file/rows/csv-fields.js'
import { fileSource, type FileSourceOptions } from '../../src/connectors/file/source/source.js'
import type { MalformedRow } from '../../src/core/message.js'
import type { Source } from '../../src/core/source.js'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'semel-file-source-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

function put(name: string, content: string | Buffer): string {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}

interface Found {
  messages: unknown[]
  malformed: MalformedRow[]
  order: string[]
  offsets: Map<string, number>
}

async function read(
  source: Source<unknown>,
  offsets: ReadonlyMap<string, number> = new Map(),
): Promise<Found> {
  const found: Found = { messages: [], malformed: [], order: [], offsets: new Map(offsets) }
  for await (const batch of source.read({ offsets, signal: new AbortController().signal })) {
    found.order.push(batch.partition)
    found.offsets.set(batch.partition, Number(batch.offset))
    for (const row of batch.rows) {
      if ('message' in row) found.messages.push(row.message)
      else found.malformed.push(row.malformed)
    }
  }
  return found
}

const readPath = (path: string, options?: FileSourceOptions): Promise<Found> =>
  read(fileSource(path, options))

const text = (i: number): string => 'é€😀x'.repeat(i % 23)

const quoted = (field: string): string =>
  /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field

/** The files of this test that the process has open. */
function openFiles(): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return links.filter((link) => link.startsWith(dir))
}

describe('across the blocks in which a file is read', () => {
  test.each(['\n', '\r\n'])('NDJSON keeps every row (line end %j)', async (lineEnd) => {
    const messages = Array.from({ length: 20_000 }, (_, i) => ({ i, text: text(i) }))
    const path = put('a.ndjson', messages.map((m) => JSON.stringify(m) + lineEnd).join(''))
    const found = await readPath(path)
    expect(found.malformed).toEqual([])
    expect(found.messages).toEqual(messages)
  })

  test('CSV keeps every row, with quotes and line ends in its fields', async () => {
    const messages = Array.from({ length: 20_000 }, (_, i) => ({
      i: String(i),
      text: i % 7 === 0 ? `"${text(i)}",\r\n\n${i}` : text(i),
    }))
    const rows = messages.map((m) => `${m.i},${quoted(m.text)}\r\n`)
    const found = await readPath(put('a.csv', `i,text\r\n${rows.join('')}`))
    expect(found.malformed).toEqual([])
    expect(found.messages).toEqual(messages)
  })

  test('a resume knows the line, also behind fields of several lines', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => `${i},"a\n\nb"\n`)
    const path = put('a.csv', `i,text\n${rows.join('')}oops\n`)
    const offset = Buffer.byteLength(`i,text\n${rows.slice(0, 4_990).join('')}`)
    const found = await read(fileSource(path), new Map([[path, offset]]))
    expect(found.messages).toHaveLength(10)
    expect(found.malformed).toEqual([
      { text: 'oops', line: 2 + 5_000 * 3, reason: '1 field, but 2 columns' },
    ])
  })
})

describe('a line over the limit', () => {
  test('is one malformed row, and takes no memory of its length', async () => {
    const bytes = 256 * 1024 * 1024
    const path = put('a.ndjson', '{"first":1}\n')
    truncateSync(path, bytes)
    appendFileSync(path, '\n{"last":1}\n')
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers)
    }, 1)
    const found = await readPath(path)
    clearInterval(watch)
    expect(most - before).toBeLessThan(16 * 1024 * 1024)
    expect(found.messages).toEqual([{ first: 1 }, { last: 1 }])
    expect(found.malformed).toMatchObject([
      { line: 2, reason: 'the line is longer than 1048576 bytes' },
    ])
    expect(found.malformed[0]?.text).toHaveLength(64 * 1024)
    expect(found.offsets.get(path)).toBe(bytes + 12)
  })

  test('ends the file without a line end', async () => {
    const path = put('a.log', `one\nbegin${'x'.repeat(3_000_000)}`)
    const found = await readPath(path, { lastLine: 'take' })
    expect(found.messages).toEqual(['one'])
    expect(found.malformed).toMatchObject([
      {
        line: 2,
        text: expect.stringMatching(/^beginx/),
        reason: expect.stringContaining('longer'),
      },
    ])
    expect(found.offsets.get(path)).toBe(3_000_009)
  })

  test('counts as long as it is: at the limit it is a row', async () => {
    const path = put('a.log', `${'x'.repeat(1024)}\r\n${'y'.repeat(1025)}\n`)
    const found = await readPath(path, { maxLineBytes: 1024 })
    expect(found.messages).toEqual(['x'.repeat(1024)])
    expect(found.malformed).toMatchObject([{ line: 2 }])
  })

  test('bounds a quote that is closed too late: the lines between are rows', async () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => `${i},${'x'.repeat(50)}\n`)
    const path = put('a.csv', `i,text\n0,"open\n${rows.join('')}1,late"\n`)
    const found = await readPath(path, { columns: { i: 'number' }, lastLine: 'take' })
    expect(found.malformed).toEqual([
      { text: '0,"open', line: 2, reason: 'a quote is opened and never closed' },
      { text: '1,late"', line: 50_003, reason: 'a quote is opened and never closed' },
    ])
    expect(found.messages).toHaveLength(50_000)
    expect(found.messages.at(-1)).toEqual({ i: 49_999, text: 'x'.repeat(50) })
  })

  test('bounds a quote that lines with faulty quotes follow, each a malformed row', async () => {
    const rows = `${'x'.repeat(60)}"y"\n`.repeat(10_000)
    const found = await readPath(put('a.csv', `a,b\n1,"open\n${rows}2,3\n`))
    expect(found.malformed).toHaveLength(10_001)
    expect(found.malformed.at(-1)?.line).toBe(10_002)
    expect(found.messages).toEqual([{ a: '2', b: '3' }])
  })

  test('bounds a quote that a million empty lines follow', async () => {
    const found = await readPath(put('a.csv', `a,b\n1,"x\n${'\n'.repeat(1_500_000)}2,3\n`))
    expect(found.malformed).toMatchObject([{ line: 2 }])
    expect(found.messages).toEqual([{ a: '2', b: '3' }])
  })
})

describe('several files', () => {
  test('are read in turn, a batch of each', async () => {
    const paths = ['a', 'b', 'c'].map((name, i) =>
      put(`${name}.log`, 'row\n'.repeat(2 + i * 2)),
    ) as [string, string, string]
    const [a, b, c] = paths
    const found = await read(fileSource(paths, { batch: 2 }))
    expect(found.order).toEqual([a, b, c, b, c, c])
  })

  test('may be more than are open at once, and are closed as they end', async () => {
    const paths = Array.from({ length: 150 }, (_, i) => put(`${i}.log`, `row ${i}\n`))
    const context = { offsets: new Map<string, number>(), signal: new AbortController().signal }
    const seen = new Set<string>()
    for await (const { partition } of fileSource(paths).read(context)) {
      expect(openFiles().length).toBeLessThanOrEqual(64)
      seen.add(partition)
    }
    expect([...seen].toSorted()).toEqual(paths.toSorted())
    expect(openFiles()).toEqual([])
  })

  test('have formats of their own, by their extensions', async () => {
    const paths = [
      put('a.CSV', 'x\n1\n'),
      put('b.jsonl', '2\n'),
      put('c.txt', '3\n'),
      // As a rotation numbers them.
      put('d.ndjson.1', '4\n'),
      put('e.txt.12', '5\n'),
    ]
    expect((await read(fileSource(paths))).messages).toEqual([{ x: '1' }, 2, '3', 4, '5'])
  })

  test.each(['abort', 'break', 'throw'] as const)('are closed on %s', async (how) => {
    const paths = ['a', 'b'].map((name) => put(`${name}.log`, 'row\n'.repeat(5_000)))
    const abort = new AbortController()
    const reading = async (): Promise<void> => {
      const context = { offsets: new Map<string, number>(), signal: abort.signal }
      let batches = 0
      for await (const batch of fileSource(paths).read(context)) {
        expect(batch.rows).toHaveLength(1024)
        if (++batches < 3) continue
        expect(openFiles()).toHaveLength(2)
        if (how === 'abort') abort.abort()
        if (how === 'break') break
        if (how === 'throw') throw new Error('enough')
      }
    }
    await reading().catch((thrown: Error) => expect(thrown.message).toBe('enough'))
    expect(openFiles()).toEqual([])
  })
})

describe('a file that can not be read', () => {
  test('is missing, which is said before any file is read', async () => {
    const missing = join(dir, 'missing.log')
    const found = read(fileSource([put('a.log', 'row\n'), missing]))
    await expect(found).rejects.toMatchObject({
      code: 'SEMEL_SOURCE',
      message: expect.stringContaining(`${missing}: ENOENT`),
    })
  })

  test('is a directory, a pipe or a device, which is said with the remedy', async () => {
    execFileSync('mkfifo', [join(dir, 'pipe')])
    for (const [path, words] of [
      [dir, /is not a regular file but a directory; give the files in it/],
      [join(dir, 'pipe'), /is not a regular file but a pipe.*--source -/],
      ['/dev/null', /is not a regular file but a device/],
    ] as const) {
      await expect(readPath(path)).rejects.toMatchObject({
        code: 'SEMEL_SOURCE',
        message: expect.stringMatching(words),
      })
    }
  })

  test('has become shorter than what was read of it', async () => {
    const path = put('a.log', 'row\n')
    await expect(read(fileSource(path), new Map([[path, 5]]))).rejects.toMatchObject({
      code: 'SEMEL_SOURCE_TRUNCATED',
      message: expect.stringContaining(`${path} has 4 bytes, but 5 of it have been read before`),
    })
  })
})

test('a file that has grown gives what is new, with its line', async () => {
  const path = put('a.ndjson', '1\n2\n')
  const source = fileSource(path)
  const first = await read(source)
  expect((await read(source, first.offsets)).messages).toEqual([])
  appendFileSync(path, '3\nx\n')
  const second = await read(source, first.offsets)
  expect(second.messages).toEqual([3])
  expect(second.malformed).toMatchObject([{ text: 'x', line: 4 }])
})

describe('CSV columns', () => {
  test('are named by a list in place of the header', async () => {
    const path = put('a.csv', 'x,y\n1,2\n')
    const found = await readPath(path, { columns: ['a', 'b'], header: true })
    expect(found.messages).toEqual([{ a: '1', b: '2' }])
  })

  test('are named by a list where there is no header', async () => {
    const found = await readPath(put('a.csv', '1,2\n'), { columns: ['a', 'b'] })
    expect(found.messages).toEqual([{ a: '1', b: '2' }])
  })

  test('take numbers as JavaScript writes them, and nothing else', async () => {
    const path = put('a.csv', 'n\n1.5\n-2e3\n 7 \n""\n1 2\nNaN\nInfinity\n0\n')
    const found = await readPath(path, { columns: { n: 'number' } })
    expect(found.messages).toEqual([{ n: 1.5 }, { n: -2000 }, { n: 7 }, { n: 0 }])
    expect(found.malformed.map(({ line }) => line)).toEqual([5, 6, 7, 8])
  })

  test.each([
    ['a,b,a\n', { columns: {} }, 'two columns are called "a"'],
    [
      'a,b\n',
      { columns: { price: 'number' } },
      'there is no column "price" in its header, which has a, b',
    ],
    ['a,"b\n1,2\n', { columns: {} }, "its header in line 1 can't be read"],
    ['a,__proto__\n', { columns: {} }, 'can\'t be called "__proto__"'],
  ] as const)('that do not fit are refused: %j', async (content, options, message) => {
    const path = put('a.csv', content)
    const found = readPath(path, options)
    await expect(found).rejects.toMatchObject({
      code: 'SEMEL_SOURCE',
      message: expect.stringContaining(message),
    })
  })
})

test('without csv-parse the remedy is named', async () => {
  await expect(loadCsvParse('semel-has-no-such-package')).rejects.toMatchObject({
    code: 'SEMEL_MISSING_PEER',
    message: expect.stringContaining('npm install csv-parse'),
  })
})

describe('on recorded data', () => {
  const data = fileURLToPath(new URL('../../../shared/data/', import.meta.url))
  const absent = `there is no ${data} here`

  test('the trades come out as a plain split of the file says', async (t) => {
    const path = join(data, 'market/amzn-trades-2012-06-21.csv')
    if (!existsSync(path)) return t.skip(absent)
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(1)
    const found = await readPath(path, { columns: { Price: 'number', Volume: 'number' } })
    expect(found.malformed).toEqual([])
    expect(found.messages).toEqual(
      lines.map((line) => {
        const [time, price, volume] = line.split(',')
        return { Time: time, Price: Number(price), Volume: Number(volume) }
      }),
    )
  })

  test('every telemetry file is read to its end', async (t) => {
    const folder = join(data, 'telemetry')
    if (!existsSync(folder)) return t.skip(absent)
    const paths = readdirSync(folder)
      .filter((name) => name.endsWith('.csv'))
      .map((name) => join(folder, name))
    const options = { columns: { value: 'number' }, lastLine: 'take' } as const
    const found = await read(fileSource(paths, options))
    const rows = paths.map((path) => readFileSync(path, 'utf8').trimEnd().split('\n').length - 1)
    expect(found.messages.length + found.malformed.length).toBe(rows.reduce((a, b) => a + b, 0))
  })
})

test.each([
  [() => fileSource([]), 'the list of paths is empty'],
  [() => fileSource(''), '"" is not a path'],
  [() => fileSource([1] as never), '1 is not a path'],
  [() => fileSource(['a', 'a']), '"a" is given twice'],
  [() => fileSource('a', { bacth: 1 } as never), 'there is no option "bacth"'],
  [() => fileSource('a', { format: 'xml' as never }), 'there is no "xml"'],
  [() => fileSource('a.csv', { batch: 0 }), 'fileSource.batch: 0 is out of bounds'],
  [() => fileSource('a.csv', { batch: 1025 }), 'fileSource.batch: 1025 is out of bounds'],
  [() => fileSource('a.csv', { maxLineBytes: 1 }), 'fileSource.maxLineBytes: 1 is out of bounds'],
  [() => fileSource('a.csv', { maxLineBytes: '1 MB' }), '"1 MB" is not a size'],
  [() => fileSource('a.csv', { delimiter: ',,' }), '",," can\'t stand between fields'],
  [() => fileSource('a.csv', { delimiter: '"' }), "can't stand between fields"],
  [() => fileSource('a.csv', { delimiter: '\n' }), "can't stand between fields"],
  [() => fileSource('a.csv', { header: 1 as never }), 'neither true nor false'],
  [() => fileSource('a.csv', { header: false }), 'without a header the columns need names'],
  [() => fileSource('a.csv', { columns: [] }), 'names no columns'],
  [() => fileSource('a.csv', { columns: [1] as never }), 'names no columns'],
  [() => fileSource('a.csv', { columns: ['a', 'a'] }), '"a" is given twice'],
  [() => fileSource('a.csv', { columns: { a: 'date' as never } }), 'names no columns'],
  [() => fileSource('a.csv', { columns: 'a' as never }), 'names no columns'],
  [() => fileSource('a.csv', { columns: null as never }), 'names no columns'],
  [() => fileSource('a.log', { delimiter: ';' }), "say format: 'csv'"],
  [() => fileSource('a.log', { lastLine: 'drop' as never }), 'there is no "drop"'],
])('misuse %# is refused in words', (call, message) => {
  expect(call).toThrow(
    expect.objectContaining({
      code: 'SEMEL_INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    }) as unknown as Error,
  )
})
