import { readFileSync } from 'node:fs'
import type { Sink } from 'semel'
import { postgres, type PostgresTransaction } from 'semel/postgres'
import { faultPoint } from './points.js'
import { columns, type Row } from './row.js'

/** A call that is not answered by then counts as lost: a stopped server does not say so always. */
const timeout = '5s'

const insert = `INSERT INTO outputs (shard, epoch, n, sequence, id, key, part, amount, refused)
  SELECT * FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::text[], $7::int4[], $8::int8[], $9::int4[])`

/**
 * The table of a PostgreSQL server.
 * @param path the file that has its address
 */
export function intoPostgres(path: string, by: 'table' | 'function'): Sink<Row, 'transactional'> {
  const address = readFileSync(path, 'utf8')
  return by === 'table'
    ? postgres<Row>(address, { table: 'outputs', columns, timeout })
    : postgres<Row>(address, { write, timeout })
}

/** In two statements, between which the process may end. */
async function write(transaction: PostgresTransaction, rows: readonly Row[]): Promise<void> {
  const half = Math.ceil(rows.length / 2)
  for (const part of [rows.slice(0, half), rows.slice(half)]) {
    if (part.length === 0) continue
    await transaction.query(insert, [
      part.map(({ shard }) => shard),
      part.map(({ epoch }) => epoch),
      part.map(({ n }) => n),
      part.map(({ sequence }) => sequence),
      part.map(({ id }) => id),
      part.map(({ key }) => key),
      part.map((row) => row.part),
      part.map(({ amount }) => amount),
      part.map(columns.refused),
    ])
    for (let row = 0; row < part.length; row++) faultPoint('runtime.sink-in-transaction')
  }
}
