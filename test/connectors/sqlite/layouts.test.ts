import { expect, test } from 'vitest'
import { committing, connect, database } from './database.js'

/** As it was before positions were kept. */
const first = `
  CREATE TABLE bars (id);
  CREATE TABLE semel_layout (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, flushes INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE semel_commits (pipeline TEXT NOT NULL, shard INTEGER NOT NULL, epoch INTEGER NOT NULL, lineage TEXT, commit_epoch INTEGER, n INTEGER, through INTEGER, PRIMARY KEY (pipeline, shard)) WITHOUT ROWID;
  INSERT INTO semel_layout (id, version) VALUES (1, 1);
  INSERT INTO semel_commits VALUES ('test', 0, 3, 'A', 3, 7, 40)`

test('a table from before positions were kept gets them, and goes on from its commit', async () => {
  const { path, db } = database(first)
  const connection = await connect(path, { table: 'bars' })
  expect(await connection.last()).toEqual({
    id: { lineage: 'A', epoch: 3, n: 7 },
    through: 40,
    positions: new Uint8Array(),
  })
  expect(db.prepare('SELECT version FROM semel_layout').get()).toEqual({ version: 2 })
  const commit = await committing<{ id: number }>(path, { table: 'bars' })
  await commit({ id: 1 })
  const held = await connection.last()
  expect(held?.id).toEqual({ lineage: 'A', epoch: 4, n: 8 })
  expect([...(held?.positions ?? [])]).toEqual([8])
  // Opened again it is left as it is.
  await connect(path, { table: 'bars' }, { shard: 1 })
  expect(await connection.last()).toEqual(held)
})
