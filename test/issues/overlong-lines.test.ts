// What a line becomes depended on where the blocks in which its file is read begin.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileSource, type FileSourceOptions } from '../../src/connectors/file/source/source.js'
import type { SourceRow } from '../../src/core/source.js'

/** How much is read of a file at first. */
const blockBytes = 512 * 1024

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'semel-overlong-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

async function rowsOf(
  content: string,
  options: FileSourceOptions = {},
): Promise<SourceRow<unknown>[]> {
  const path = join(dir, 'a.log')
  writeFileSync(path, content)
  const rows: SourceRow<unknown>[] = []
  const context = { offsets: new Map<string, number>(), signal: new AbortController().signal }
  for await (const batch of fileSource<unknown>(path, options).read(context)) {
    rows.push(...batch.rows)
  }
  return rows
}

/** Short lines up to `bytes`. */
function filler(bytes: number): string {
  return `${'x'.repeat(63)}\n`.repeat(bytes / 64)
}

test('a line at the limit is a row, though a block ends between its return and its newline', async () => {
  const line = 'y'.repeat(1024)
  // 62 + 1 bytes of another line, then the line and its return: a block in all.
  const before = `${filler(blockBytes - 1088)}${'x'.repeat(62)}\n`
  expect(before.length + line.length + 1).toBe(blockBytes)
  const rows = await rowsOf(`${before}${line}\r\nlast\n`, { maxLineBytes: 1024 })
  expect(rows.slice(-2)).toMatchObject([{ message: line }, { message: 'last' }])
})

test('as much is shown of a line over the limit wherever it begins in a block', async () => {
  const line = 'z'.repeat(100_000)
  for (const before of [0, blockBytes - 2048, blockBytes - 64]) {
    const rows = await rowsOf(`${filler(before)}${line}\n`, { maxLineBytes: 1024 })
    expect(rows.at(-1)).toMatchObject({ malformed: { text: line.slice(0, 64 * 1024) } })
  }
})

test('a line of other white space than spaces and tabs is a row', async () => {
  const rows = await rowsOf(' \u00a0\n\f\n \t\r\n\n')
  expect(rows.map((row) => 'message' in row && row.message)).toEqual([' \u00a0', '\f'])
})
