import { join } from 'node:path'
import type { Contender } from './contender.js'
import { load } from './packages.js'
import { handle } from './tally.js'
import { batchesOf, encode, type Trade } from './trades.js'

/** What of better-sqlite3 is used. */
interface Database {
  pragma(command: string): unknown
  exec(statements: string): void
  prepare(statement: string): { run(...values: unknown[]): { changes: number } }
  transaction<T>(work: (of: T) => void): { immediate: (of: T) => void }
  close(): void
}

const batch = 2048
const checkpointPages = 10_000

export const sqliteNormal = inbox('NORMAL', 'process')
export const sqliteFull = inbox('FULL', 'disk')

/** The sender has its answer when the transaction is committed. */
function inbox(synchronous: 'NORMAL' | 'FULL', durability: 'process' | 'disk'): Contender {
  return {
    name: `SQLite inbox, ${synchronous}`,
    system: 'SQLite',
    settings:
      `better-sqlite3, WAL with a checkpoint every ${checkpointPages} pages, synchronous=${synchronous}; ` +
      `in one transaction for ${batch} messages: insert each with its id as the primary key, handle it ` +
      'if it was not there, and write down up to where all are handled',
    delivery: 'exactly-once',
    durability,
    packages: ['better-sqlite3'],
    open: ({ dir }) => {
      const Sqlite = load<new (file: string) => Database>('better-sqlite3')
      const database = new Sqlite(join(dir, 'inbox.sqlite'))
      database.pragma('journal_mode = WAL')
      database.pragma(`synchronous = ${synchronous}`)
      database.pragma(`wal_autocheckpoint = ${checkpointPages}`)
      database.exec(
        'CREATE TABLE inbox (id INTEGER PRIMARY KEY, message BLOB NOT NULL) STRICT;' +
          'CREATE TABLE handled (only INTEGER PRIMARY KEY, up_to INTEGER NOT NULL) STRICT',
      )
      const insert = database.prepare('INSERT OR IGNORE INTO inbox VALUES (?, ?)')
      const mark = database.prepare('INSERT OR REPLACE INTO handled VALUES (1, ?)')
      const take = database.transaction((trades: readonly Trade[]) => {
        for (const trade of trades) {
          if (insert.run(trade.id, encode(trade)).changes === 1) handle(trade)
        }
        mark.run(trades.at(-1)?.id)
      })
      return Promise.resolve({
        run: (first, count) => {
          for (const trades of batchesOf(first, count, batch)) take.immediate(trades)
          return Promise.resolve()
        },
        close: () => {
          database.close()
          return Promise.resolve()
        },
      })
    },
  }
}
