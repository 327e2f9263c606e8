import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { idsInDatabase, SqliteDatabase } from './database.js'

const Database = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => {
  exec(sql: string): unknown
  close(): void
}

let folder: string
let path: string
let reader: SqliteDatabase
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'semel-database-'))
  path = join(folder, 'out.db')
  reader = new SqliteDatabase(path)
  await reader.create()
  change(
    'CREATE TABLE semel_commits (pipeline TEXT, shard INTEGER, epoch INTEGER, lineage TEXT, commit_epoch INTEGER, n INTEGER, through INTEGER)',
  )
})
afterEach(() => rmSync(folder, { recursive: true }))

function change(sql: string): void {
  const database = new Database(path)
  database.exec(sql)
  database.close()
}

/** A commit of shard 0 with these messages, all of one sequence. */
function commit(n: number, ...ids: number[]): void {
  change(
    `DELETE FROM semel_commits; INSERT INTO semel_commits VALUES ('faults', 0, 1, 'A', 1, ${n}, ${n})`,
  )
  for (const id of ids) row(n, id)
}

function row(n: number, id: number): void {
  change(
    `INSERT INTO outputs (shard, epoch, n, sequence, id, key, part, amount) VALUES (0, 1, ${n}, ${n}, ${id}, 'k', 0, 0)`,
  )
}

async function checks(): Promise<string[]> {
  const findings = await reader.read()
  return findings.map(({ check, id }) => `${check} ${id ?? ''}`.trim())
}

test('a database that grows by whole commits is in order', async () => {
  expect(await checks()).toEqual([])
  commit(1, 7, 8)
  expect(await checks()).toEqual([])
  commit(2, 9)
  expect(await checks()).toEqual([])
  expect(reader.commits).toEqual([{ shard: 0, lineage: 'A', epoch: 1, n: 2, through: 2 }])
  expect((await reader.outputs()).map(({ id }) => id)).toEqual([7, 8, 9])
  expect(idsInDatabase(path)).toEqual(new Set([7, 8, 9]))
})

test('the reader sees a message that is there twice', async () => {
  commit(1, 7)
  commit(2, 7)
  expect(await checks()).toEqual(['twice 7'])
})

test('the reader sees what is gone, and what has changed', async () => {
  commit(1, 7, 8)
  expect(await checks()).toEqual([])
  change('UPDATE outputs SET amount = 5 WHERE id = 7')
  expect(await checks()).toEqual(['committed'])
  change('DELETE FROM outputs')
  expect(await checks()).toEqual(['committed'])
})

test('the reader sees a commit without its rows, and rows without their commit', async () => {
  commit(1, 7)
  commit(2)
  expect(await checks()).toEqual(['committed'])
  row(3, 9)
  expect(await checks()).toEqual(['committed'])
})
