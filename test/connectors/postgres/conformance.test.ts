import * as vitest from 'vitest'
import { postgres, type PostgresOptions } from 'semel/postgres'
import { describeTransactionalSink } from 'semel/testing'
import { ownServer } from './database.js'
import { hasServer } from './server.js'

const own = ownServer()
const pipelines = { skip: 'one transaction at a time' }
const sql = 'INSERT INTO bars (id, text) SELECT * FROM unnest($1::int4[], $2::text[])'

interface Bar {
  readonly id: number
  readonly text: string
}

const ways: Record<string, PostgresOptions<Bar>> = {
  table: { table: 'bars' },
  columns: { table: 'bars', columns: { id: 'id', text: ({ text }) => text } },
  'table, prepared': { table: 'bars', prepared: true },
  upserts: { table: 'keyed', key: ['id'] },
  statement: { sql, parameters: ['id', 'text'] },
  'statement with a function': {
    sql,
    parameters: (bars) => [bars.map(({ id }) => id), bars.map(({ text }) => text)],
  },
  'a function': {
    async write(transaction, bars) {
      for (const { id, text } of bars) {
        await transaction.query('INSERT INTO bars VALUES ($1, $2)', [id, text])
      }
    },
  },
}

vitest.describe.skipIf(!hasServer)('postgres', () => {
  for (const [name, options] of Object.entries(ways)) {
    const table = 'table' in options && options.table === 'keyed' ? 'keyed' : 'bars'
    describeTransactionalSink(vitest, {
      name: `postgres, ${name}`,
      async create() {
        await own.server.ask(`
          DROP SCHEMA public CASCADE; CREATE SCHEMA public;
          CREATE TABLE ${table} (id int ${table === 'keyed' ? 'PRIMARY KEY' : ''}, text text CHECK (text <> 'refused'))`)
        return {
          sink: postgres<Bar>(own.server.url, options),
          read: () => own.server.ask(`SELECT id, text FROM ${table}`),
          refused: { output: { id: -1, text: 'refused' } },
        }
      },
      rejects: true,
      pipelines,
      lives: 5,
    })
  }
})
