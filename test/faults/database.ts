import { cpSync, existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Finding } from './finding.js'
import type { Output } from './messages.js'

/** What is used of better-sqlite3. */
interface Database {
  exec(sql: string): unknown
  prepare(sql: string): { all(): unknown[] }
  close(): void
}

const Database = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => Database

/** A row as the sink has it: by which commit it came, and from which message. */
interface Row extends Output {
  readonly shard: number
  readonly epoch: number
  readonly n: number
  readonly sequence: number
}

/** A shard's newest commit, as the sink keeps it beside the outputs. */
export interface KeptCommit {
  readonly shard: number
  readonly lineage: string
  readonly epoch: number
  readonly n: number
  readonly through: number
}

/** The database with the table that outputs go to. */
export function createDatabase(path: string): void {
  const database = new Database(path)
  database.exec(`
    CREATE TABLE outputs (
      shard INTEGER NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL, sequence INTEGER NOT NULL,
      id INTEGER NOT NULL, key TEXT NOT NULL, part INTEGER NOT NULL, amount INTEGER NOT NULL,
      refused INTEGER CHECK (refused IS NULL)
    )`)
  database.close()
}

/** What it holds, in the order in which it came, shard by shard. */
export function readOutputs(path: string): Output[] {
  return select(path, 'SELECT id, key, part, amount FROM outputs ORDER BY shard, rowid') as Output[]
}

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

/**
 * A reader of what the sink has committed, after every kill: what it has seen must stay, no message is
 * there twice, transfers add up to nothing, and each shard's newest row came by the commit that the sink
 * names as its last.
 */
export class DatabaseReader {
  readonly #path: string
  #seen: readonly string[] = []
  #commits: readonly KeptCommit[] = []

  constructor(path: string) {
    this.#path = path
  }

  /** As of the last reading. */
  get commits(): readonly KeptCommit[] {
    return this.#commits
  }

  read(): Finding[] {
    const { rows, commits } = this.#load()
    this.#commits = commits
    const texts = rows.map((row) => JSON.stringify(row))
    const changed = this.#seen.findIndex((text, at) => text !== texts[at])
    if (changed >= 0) {
      const text = `row ${changed} was ${this.#seen[changed]}, and is ${texts[changed] ?? 'gone'}`
      return [{ check: 'committed', text }]
    }
    this.#seen = texts
    return [...checkTwice(rows), ...checkSum(rows), ...checkLast(rows, commits)]
  }

  /** Of a copy: what a kill has left of the log is the next life's to recover. */
  #load(): { rows: Row[]; commits: KeptCommit[] } {
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
        rows: all(`SELECT ${columns} FROM outputs ORDER BY rowid`) as Row[],
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

function checkTwice(rows: readonly Row[]): Finding[] {
  const seen = new Set<string>()
  return rows.flatMap(({ id, part }): Finding[] => {
    const name = `${id}/${part}`
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    return [{ check: 'twice', id, text: `message ${id} is twice in what was committed` }]
  })
}

function checkSum(rows: readonly Row[]): Finding[] {
  const sum = rows.reduce((total, { amount }) => total + amount, 0)
  return sum === 0 ? [] : [{ check: 'sum', text: `the transfers that are committed sum to ${sum}` }]
}

function checkLast(rows: readonly Row[], commits: readonly KeptCommit[]): Finding[] {
  const newest = new Map<number, Row>()
  const findings: Finding[] = []
  for (const row of rows) {
    const { shard, epoch, n } = row
    const before = newest.get(shard)
    if (before !== undefined && (epoch < before.epoch || n < before.n)) {
      const text = `shard ${shard} has a row of commit ${epoch}/${n} behind one of ${before.epoch}/${before.n}`
      findings.push({ check: 'committed', text })
    }
    newest.set(shard, row)
  }
  const shards = new Set([...newest.keys(), ...commits.map(({ shard }) => shard)])
  for (const shard of shards) {
    const row = newest.get(shard)
    const kept = commits.find((one) => one.shard === shard)
    const isSame = row?.epoch === kept?.epoch && row?.n === kept?.n
    if (isSame && (row?.sequence ?? 0) <= (kept?.through ?? 0)) continue
    const text = `shard ${shard} has the commit ${JSON.stringify(kept)}, and its newest row is ${JSON.stringify(row)}`
    findings.push({ check: 'committed', text })
  }
  return findings
}
