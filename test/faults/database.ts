import { cpSync, existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Finding } from './finding.js'
import { KeptRows, type CaseDatabase, type Kept, type KeptCommit } from './kept-rows.js'
import type { Output } from './messages.js'

/** What is used of better-sqlite3. */
interface Database {
  exec(sql: string): unknown
  prepare(sql: string): { all(): unknown[] }
  close(): void
}

const Database = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => Database

export function idsInDatabase(path: string): ReadonlySet<number> {
  const rows = select(path, 'SELECT DISTINCT id FROM outputs') as readonly { readonly id: number }[]
  return new Set(rows.map(({ id }) => id))
}

function select(path: string, sql: string): unknown[] {
  const database = new Database(path)
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}

/** A file of SQLite. */
export class SqliteDatabase implements CaseDatabase {
  readonly #path: string
  readonly #kept = new KeptRows()

  constructor(path: string) {
    this.#path = path
  }

  get commits(): readonly KeptCommit[] {
    return this.#kept.commits
  }

  async create(): Promise<void> {
    const database = new Database(this.#path)
    database.exec(`
      CREATE TABLE outputs (
        shard INTEGER NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL, sequence INTEGER NOT NULL,
        id INTEGER NOT NULL, key TEXT NOT NULL, part INTEGER NOT NULL, amount INTEGER NOT NULL,
        refused INTEGER CHECK (refused IS NULL)
      )`)
    database.close()
  }

  /** A reader beside it would have a part in its locks. */
  beginLife(): void {}

  async endLife(): Promise<readonly Finding[]> {
    return []
  }

  async read(): Promise<readonly Finding[]> {
    return this.#kept.check(this.#load())
  }

  async outputs(): Promise<Output[]> {
    const sql = 'SELECT id, key, part, amount FROM outputs ORDER BY shard, rowid'
    return select(this.#path, sql) as Output[]
  }

  async close(): Promise<void> {}

  /** Of a copy: what a kill has left of the log is the next life's to recover. */
  #load(): Kept {
    const copy = `${this.#path}-read`
    for (const end of ['', '-wal', '-journal']) {
      rmSync(copy + end, { force: true })
      if (existsSync(this.#path + end)) cpSync(this.#path + end, copy + end)
    }
    const database = new Database(copy)
    try {
      const all = (sql: string): unknown[] => database.prepare(sql).all()
      const columns = 'shard, epoch, n, sequence, id, key, part, amount'
      const isOpened =
        all("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'semel_commits'").length >
        0
      return {
        rows: all(`SELECT ${columns} FROM outputs ORDER BY rowid`) as Kept['rows'],
        commits: isOpened
          ? (all(
              'SELECT shard, lineage, commit_epoch AS epoch, n, through FROM semel_commits WHERE n IS NOT NULL ORDER BY shard',
            ) as KeptCommit[])
          : [],
      }
    } finally {
      database.close()
      for (const end of ['', '-wal', '-shm']) rmSync(copy + end, { force: true })
    }
  }
}
