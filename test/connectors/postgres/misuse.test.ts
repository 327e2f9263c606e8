import { describe, expect, test } from 'vitest'
import { initPostgres, postgres, postgresTables, type PostgresOptions } from 'semel/postgres'
import { thrownBy } from './database.js'

const url = 'postgres://user:secret@host/db'
const sql = 'INSERT INTO bars SELECT unnest($1::int[])'
const write = async (): Promise<void> => {}

describe('postgres', () => {
  test.each<[options: unknown, why: RegExp]>([
    [undefined, /there is no table, statement or function; give/],
    [{}, /there is no table, statement or function; give one of/],
    [7, /7 is not an options object/],
    [{ tables: 'bars' }, /there is no option "tables"/],
    [{ table: 'bars', sql }, /there are table and sql/],
    [{ table: 'bars', write }, /there are table and write/],
    [{ table: '' }, /postgres\.table: "" is not the text of a table/],
    [{ table: 7 }, /postgres\.table: 7/],
    [{ table: 'bars', columns: 7 }, /postgres\.columns: 7 names nothing/],
    [{ table: 'bars', columns: [] }, /postgres\.columns: there is none/],
    [{ table: 'bars', columns: {} }, /postgres\.columns: there is none/],
    [{ table: 'bars', columns: ['id', 'id'] }, /"id" is named twice/],
    [{ table: 'bars', columns: { id: 7 } }, /postgres\.columns\.id: 7 is neither/],
    [{ table: 'bars', key: 'id' }, /postgres\.key: "id" names nothing/],
    [
      { table: 'bars', key: ['id'], columns: ['n'] },
      /postgres\.key: "id" is not among the columns/,
    ],
    [{ table: 'bars', deletes: () => true }, /postgres\.deletes: nothing says which row goes/],
    [{ table: 'bars', key: ['id'], deletes: true }, /postgres\.deletes: true is not a function/],
    [{ table: 'bars', parameters: ['id'] }, /postgres\.parameters: a statement has some/],
    [{ sql, parameters: ['id'], key: ['id'] }, /postgres\.key: that is said of a table/],
    [{ sql }, /postgres\.parameters: undefined names nothing/],
    [{ sql: 'SELECT 1', parameters: ['id'] }, /is no statement that changes rows/],
    [{ sql: '/* INSERT */ DROP TABLE bars', parameters: ['id'] }, /is no statement that changes/],
    [{ write: 'bars' }, /postgres\.write: "bars" is not a function/],
    [{ write, columns: ['id'] }, /postgres\.columns: that is said of a table/],
    [{ table: 'bars', schema: 7 }, /postgres\.schema: 7/],
    [{ table: 'bars', synchronousCommit: 'full' }, /there is no "full"; there are off, local/],
    [{ table: 'bars', timeout: '10ms' }, /postgres\.timeout: "10ms" is out of bounds/],
    [{ table: 'bars', timeout: '2h' }, /postgres\.timeout: "2h" is out of bounds/],
    [{ table: 'bars', prepared: 'yes' }, /postgres\.prepared: "yes" is neither/],
  ])('refuses the options %o', async (options, why) => {
    const thrown = await thrownBy(() => postgres(url, options as PostgresOptions))
    expect(thrown).toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
    expect(thrown.message).toMatch(why)
    expect(thrown.message).not.toMatch(/secret/)
  })

  test.each<[address: unknown, why: RegExp]>([
    [undefined, /there is no server; give postgres:/],
    ['host:5432', /this is no connection string; give postgres:/],
    [{ hostname: 'db' }, /there is no option "hostname"; there are host, port/],
    [{ host: '' }, /postgres\.host: "" is not the text/],
    [{ port: '5432' }, /postgres\.port: "5432" is not a port/],
    [{ password: 7 }, /postgres\.password: it is neither a text nor a function/],
    [{ ssl: 'require' }, /postgres\.ssl: "require" says nothing/],
  ])('refuses the address %o', async (address, why) => {
    const thrown = await thrownBy(() => postgres(address as string, { table: 'bars' }))
    expect(thrown).toMatchObject({ code: 'SEMEL_INVALID_ARGUMENT' })
    expect(thrown.message).toMatch(why)
  })

  test('is frozen data, which names what it writes to', () => {
    const sinks = [
      postgres(url, { table: 'bars' }),
      postgres({ host: 'db', port: 5432, ssl: true }, { sql, parameters: ['id'] }),
      postgres({}, { write }),
    ]
    expect(sinks.map(({ name }) => name)).toEqual([
      'postgres(bars)',
      'postgres(a statement)',
      'postgres(a function)',
    ])
    for (const sink of sinks) {
      expect(Object.isFrozen(sink)).toBe(true)
      expect(sink.kind).toBe('transactional')
    }
  })

  test('refuses what no table can be made of', async () => {
    for (const options of [{ schema: 7 }, { role: ' ' }, { table: 'x' }]) {
      const wrong = options as never
      expect(await thrownBy(() => postgresTables(wrong))).toMatchObject({
        code: 'SEMEL_INVALID_ARGUMENT',
      })
      expect(await thrownBy(() => initPostgres(url, wrong))).toMatchObject({
        code: 'SEMEL_INVALID_ARGUMENT',
      })
    }
  })
})
