import { join } from 'node:path'
import * as vitest from 'vitest'
import { sqlite, type SqliteOptions } from 'semel/sqlite'
import { describeTransactionalSink } from 'semel/testing'
import { database, scratch } from './database.js'

const table = `CREATE TABLE bars (id INTEGER, text TEXT CHECK (text <> 'refused'))`
const pipelines = { skip: 'one transaction at a time' }

const ways: Record<string, SqliteOptions> = {
  table: { table: 'bars' },
  'table, synchronous': { table: 'bars', synchronous: 'full' },
  columns: { table: 'bars', columns: { id: 'id', text: 'text' } },
  statement: { sql: 'INSERT INTO bars (id, text) VALUES (@id, @text)' },
  'rollback journal': { table: 'bars', journal: 'keep' },
}

for (const [name, options] of Object.entries(ways)) {
  describeTransactionalSink(vitest, {
    name: `sqlite, ${name}`,
    create() {
      const { path, db } = database(table, join(scratch(), 'bars.db'))
      return {
        sink: sqlite(path, options),
        read: () => db.prepare('SELECT id, text FROM bars').all(),
        refused: { output: { id: 0, text: 'refused' } },
      }
    },
    rejects: true,
    pipelines,
  })
}
