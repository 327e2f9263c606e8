/**
 * Commits of trades to a SQLite database, in a process of its own: through the sink, or by a loop over
 * the bare driver that keeps no number with them.
 * @internal
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { CommitId, TransactionalConnection } from 'semel'
import { answer, tradesSample, type Trade } from 'semel/measure'
import { sqlite } from 'semel/sqlite'

export interface SqliteCommitTask {
  readonly way: 'bare' | 'table' | 'statement'
  readonly synchronous: 'full' | 'normal'
  readonly rows: number
  readonly seconds: number
}

interface Database {
  pragma(sql: string): unknown
  exec(sql: string): unknown
  prepare(sql: string): { run(...values: unknown[]): unknown }
  transaction<A extends unknown[]>(run: (...values: A) => void): { immediate(...values: A): void }
  close(): void
}

const Driver = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => Database
const insert = 'INSERT INTO trades VALUES (@id, @symbol, @price, @size, @side, @time)'

await answer<SqliteCommitTask>(async ({ way, synchronous, rows, seconds, dir }) => {
  const path = join(dir, 'trades.db')
  const db = new Driver(path)
  db.pragma('journal_mode = WAL')
  db.exec(
    'CREATE TABLE trades (id INTEGER, symbol TEXT, price REAL, size INTEGER, side TEXT, time INTEGER)',
  )
  const commit = way === 'bare' ? bare(db, synchronous) : await throughSink(way, path, synchronous)
  const trades = tradesSample(rows)
  const rate = async (forSeconds: number): Promise<number> => {
    const beganMs = performance.now()
    let commits = 0
    while (performance.now() - beganMs < 1000 * forSeconds) {
      await commit(trades)
      commits += 1
    }
    return (1000 * rows * commits) / (performance.now() - beganMs)
  }
  await rate(seconds / 4)
  const perSecond = [Math.round(await rate(seconds))]
  db.close()
  return { perSecond }
})

function bare(db: Database, synchronous: string): (trades: readonly Trade[]) => void {
  db.pragma(`synchronous = ${synchronous}`)
  const statement = db.prepare(insert)
  const all = db.transaction((trades: readonly Trade[]) => {
    for (const trade of trades) statement.run(trade)
  })
  return (trades) => all.immediate(trades)
}

async function throughSink(
  way: 'table' | 'statement',
  path: string,
  synchronous: 'full' | 'normal',
): Promise<(trades: readonly Trade[]) => Promise<void>> {
  const target = way === 'table' ? { table: 'trades' } : { sql: insert }
  const connection = (await sqlite<Trade>(path, { ...target, synchronous }).connect({
    pipeline: 'bench',
    shard: 0,
    shards: 1,
    epoch: 1,
    durability: 'process',
  })) as TransactionalConnection<Trade>
  const { epoch } = await connection.begin('bench')
  // One source, as a partition of a log would be told.
  const positions = Buffer.from(
    '{"format":1,"partitions":[[0,123456789,{"partition":"trades/0"}]]}',
  )
  let parent: CommitId | undefined
  let n = 0
  return async (trades) => {
    const id = { lineage: 'bench', epoch, n: ++n }
    const outputs = trades.map((value, index) => ({
      value,
      origin: { pipeline: 'bench', lineage: 'bench', shard: 0, sequence: index, index: 0 },
    }))
    await connection.commit(outputs, { id, parent, positions, through: n })
    parent = id
  }
}
