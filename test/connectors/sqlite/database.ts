import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { CommitId, SinkContext, TransactionalConnection } from 'semel'
import { sqlite, type SqliteOptions } from 'semel/sqlite'
import { originOf } from 'semel/testing'

/** What these tests use of better-sqlite3. */
export interface Plain {
  exec(sql: string): unknown
  pragma(sql: string): unknown
  prepare(sql: string): {
    run(...values: unknown[]): { changes: number }
    all(...values: unknown[]): unknown[]
    get(...values: unknown[]): unknown
    safeIntegers(): { all(...values: unknown[]): unknown[]; get(...values: unknown[]): unknown }
  }
  close(): void
}

export const Database = createRequire(import.meta.url)('better-sqlite3') as new (
  path: string,
) => Plain

const folders: string[] = []
const plains: Plain[] = []
const connections: { close(): unknown }[] = []
afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close()
  for (const plain of plains.splice(0)) plain.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A folder of its own for a test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'semel-sqlite-'))
  folders.push(folder)
  return folder
}

/** A database with what these statements make. */
export function database(
  sql: string,
  path = join(scratch(), 'test.db'),
): { path: string; db: Plain } {
  const db = new Database(path)
  plains.push(db)
  db.exec(sql)
  return { path, db }
}

export async function connect<T>(
  path: string,
  options: SqliteOptions<T>,
  context: Partial<SinkContext> = {},
): Promise<TransactionalConnection<T>> {
  const connection = await sqlite<T>(path, options).connect({
    pipeline: 'test',
    shard: 0,
    shards: 1,
    epoch: 1,
    durability: 'process',
    ...context,
  })
  const transactional = connection as TransactionalConnection<T>
  connections.push(transactional)
  return transactional
}

/** A connection that has begun: each call is one commit. */
export async function committing<T>(
  path: string,
  options: SqliteOptions<T>,
): Promise<(...values: T[]) => Promise<void>> {
  const connection = await connect<T>(path, options)
  const { epoch, last } = await connection.begin('A')
  let parent = last
  let n = last?.n ?? 0
  return async (...values) => {
    const id: CommitId = { lineage: 'A', epoch, n: ++n }
    const outputs = values.map((value, index) => ({
      value,
      origin: originOf(n, index),
    }))
    await connection.commit(outputs, { id, parent, through: n, positions: Uint8Array.of(n) })
    parent = id
  }
}

export async function thrownBy(call: () => unknown): Promise<Error> {
  try {
    await call()
  } catch (thrown) {
    return thrown as Error
  }
  throw new Error('nothing was thrown')
}
