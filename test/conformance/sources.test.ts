import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileSource, type FileSourceOptions } from '../../src/connectors/file/source/source.js'
import { iterableSource } from '../../src/connectors/iterable/source.js'
import { memorySource } from '../../src/connectors/memory/source.js'
import type { Source, SourceContext, SourceRow } from '../../src/core/source.js'
import {
  describeSource,
  type ExpectedRow,
  type SourceFixture,
} from '../../src/testing/describe-source.js'
import * as vitest from 'vitest'

const messages = Array.from({ length: 50 }, (_, i) => ({ id: i, text: `é${i}` }))
const expected = messages.map((message) => ({ message }))

type Files = Readonly<Record<string, { content: string | Buffer; rows: readonly ExpectedRow[] }>>

function files(contents: Files, options?: FileSourceOptions): SourceFixture {
  const dir = mkdtempSync(join(tmpdir(), 'semel-source-'))
  const rows = new Map<string, readonly ExpectedRow[]>()
  for (const [name, file] of Object.entries(contents)) {
    writeFileSync(join(dir, name), file.content)
    rows.set(join(dir, name), file.rows)
  }
  return {
    source: () => fileSource([...rows.keys()], options),
    rows,
    dispose: () => rmSync(dir, { recursive: true }),
  }
}

const inFiles = { resumable: true, malformed: true, sized: true } as const

describeSource(vitest, {
  name: 'file, ndjson',
  ...inFiles,
  create: () =>
    files(
      {
        'a.ndjson': {
          content: `\ufeff{"a":1}\r\n\n  \n[2]\n{"torn":\n"é"\nnull\n\n`,
          rows: [
            { message: { a: 1 } },
            { message: [2] },
            { line: 5, reason: /JSON/ },
            { message: 'é' },
            { message: null },
          ],
        },
        'b.jsonl': {
          content: messages.map((message) => JSON.stringify(message)).join('\n'),
          rows: expected,
        },
        'empty.ndjson': { content: '', rows: [] },
      },
      { batch: 3 },
    ),
})

describeSource(vitest, {
  name: 'file, lines',
  ...inFiles,
  create: () =>
    files(
      {
        'a.log': {
          content: Buffer.concat([
            Buffer.from('one\r\n two \n\n'),
            Buffer.of(0xff, 0xfe, 0x0a),
            Buffer.from(`é\n${'x'.repeat(3000)}\n last`),
          ]),
          rows: [
            { message: 'one' },
            { message: ' two ' },
            { line: 4, reason: /UTF-8/ },
            { message: 'é' },
            { line: 6, reason: /longer than 2048/ },
            { message: ' last' },
          ],
        },
      },
      { maxLineBytes: '2KiB', lastLine: 'take' },
    ),
})

describeSource(vitest, {
  name: 'file, csv',
  ...inFiles,
  create: () =>
    files(
      {
        'a.csv': {
          content:
            '\ufeffsymbol,"price",note\r\n' +
            'A,1,plain\r\n' +
            'B,2,"quoted, with ""quotes"""\r\n' +
            'C,3,"over\r\ntwo lines"\r\n' +
            '\r\n' +
            'D,four,no number\r\n' +
            'E,5\r\n' +
            'F,6,5" pipe\r\n' +
            '"G",7,"é"\r\n' +
            'H,8,"x"y\r\n' +
            'I,9,',
          rows: [
            { message: { symbol: 'A', price: 1, note: 'plain' } },
            { message: { symbol: 'B', price: 2, note: 'quoted, with "quotes"' } },
            { message: { symbol: 'C', price: 3, note: 'over\r\ntwo lines' } },
            { line: 7, reason: /column price: "four" is not a number/ },
            { line: 8, reason: /2 fields, but 3 columns/ },
            { line: 9, reason: /quote/ },
            { message: { symbol: 'G', price: 7, note: 'é' } },
            { line: 11, reason: /goes on behind its closing quote/ },
            { message: { symbol: 'I', price: 9, note: '' } },
          ],
        },
        'b.csv': {
          content: 'price,symbol\n1,A\n2,"never closed\n3,C\n4,D\n',
          rows: [
            { message: { price: 1, symbol: 'A' } },
            { line: 3, reason: /never closed/ },
            { message: { price: 3, symbol: 'C' } },
            { message: { price: 4, symbol: 'D' } },
          ],
        },
        'header.csv': { content: 'symbol,price\n', rows: [] },
      },
      { columns: { price: 'number' }, batch: 2 },
    ),
})

describeSource(vitest, {
  name: 'file, csv without a header',
  ...inFiles,
  create: () =>
    files(
      {
        'a.csv': {
          content: '1;2\n3;x\n"5";"6"\n',
          rows: [
            { message: { a: 1, b: 2 } },
            { line: 2, reason: /column b/ },
            { message: { a: 5, b: 6 } },
          ],
        },
      },
      { columns: { a: 'number', b: 'number' }, header: false, delimiter: ';' },
    ),
})

describeSource(vitest, {
  name: 'memory',
  create: () => ({
    source: () => memorySource(messages, { batch: 7 }),
    rows: new Map([['memory', expected]]),
  }),
  resumable: true,
  malformed: { skip: 'an array holds messages only' },
  sized: true,
})

const iterables = {
  resumable: { skip: 'what was taken out of an iterable can not be asked for again' },
  malformed: { skip: 'an iterable holds messages only' },
  sized: { skip: 'an iterable does not tell how much is to come' },
} as const

describeSource(vitest, {
  name: 'iterable, of an array',
  create: () => ({
    source: () => iterableSource(messages),
    rows: new Map([['iterable', expected]]),
  }),
  ...iterables,
})

describeSource(vitest, {
  name: 'iterable, of an async generator that outruns the batches',
  create: () => ({
    source: () =>
      iterableSource(async function* () {
        for (let i = 0; i < 5000; i++) yield i
      }),
    rows: new Map([['iterable', Array.from({ length: 5000 }, (_, i) => ({ message: i }))]]),
  }),
  ...iterables,
})

describeSource(vitest, {
  name: 'written by hand, with headers',
  create() {
    const headers = [{ trace: '1' }, undefined, { trace: '3', 'content-type': 'é' }, {}]
    const rows = headers.map((one, at) => ({
      message: at,
      ...(one === undefined ? {} : { headers: one }),
    }))
    return {
      source: () => byHand(rows.map((row, at) => ({ ...row, offset: at + 1 }))),
      rows: new Map([['rows', rows]]),
    }
  },
  resumable: true,
  malformed: { skip: 'it holds messages only' },
  sized: { skip: 'it does not tell how much is to come' },
})

function byHand(rows: readonly SourceRow<number>[]): Source<number> {
  return Object.freeze({
    name: 'by hand',
    resumable: true,
    partitions: ['rows'],
    async *read({ offsets, signal }: SourceContext) {
      for (const row of rows.slice(Number(offsets.get('rows') ?? 0))) {
        if (signal.aborted) return
        yield { partition: 'rows', rows: [row], offset: row.offset }
      }
    },
  })
}
