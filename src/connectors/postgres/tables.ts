import { SemelError } from '../../core/errors.js'
import { sqlStateOf } from './errors.js'
import { literal, quoted, type Session } from './session.js'

export const commitsTable = 'semel_commits'

/** Of the table; a newer one is not touched. */
export const layoutVersion = 1

/** Of the lock under which it is made: "semel" in ASCII. */
const lockKey = 0x73656d656c

/**
 * The statements that make `semel_commits` where it is missing; run again they change nothing.
 * @param schema where; by default the first schema of the search path
 * @param role who may then commit, and do no more
 */
export function commitsSql(schema?: string, role?: string): string {
  const table = schema === undefined ? commitsTable : `${quoted(schema)}.${commitsTable}`
  // Each commit updates its row in place: that takes room in the row's page.
  const statements = [
    `CREATE TABLE IF NOT EXISTS ${table} (
  pipeline text NOT NULL,
  shard int NOT NULL,
  epoch bigint NOT NULL,
  lineage text,
  commit_epoch bigint,
  n bigint,
  through bigint,
  positions bytea,
  PRIMARY KEY (pipeline, shard)
) WITH (fillfactor = 50)`,
    `COMMENT ON TABLE ${table} IS ${literal(`semel: layout ${layoutVersion}; the newest commit of each shard of a pipeline`)}`,
  ]
  if (role !== undefined) {
    if (schema !== undefined) {
      statements.push(`GRANT USAGE ON SCHEMA ${quoted(schema)} TO ${quoted(role)}`)
    }
    statements.push(`GRANT SELECT, INSERT, UPDATE ON ${table} TO ${quoted(role)}`)
  }
  return statements.map((statement) => `${statement};\n`).join('')
}

/** Makes it, one connection after the other. */
export async function makeCommits(
  session: Session,
  schema: string | undefined,
  role?: string,
): Promise<void> {
  try {
    await session.transaction(undefined, async () => {
      await session.run(`SELECT pg_advisory_xact_lock(${lockKey})`)
      await session.run(commitsSql(schema, role))
    })
  } catch (thrown) {
    if (sqlStateOf(thrown) !== '42501') throw thrown
    throw new SemelError(
      'SEMEL_SINK',
      `${session.name}: this user may not make the table ${commitsTable}, or grant it to others; do so as one who may, by semel postgres init or initPostgres`,
      { cause: thrown },
    )
  }
}

/** As its comment says; what has none is the first one. */
export async function layoutOf(session: Session, oid: string): Promise<number> {
  const [row] = await session.ask(
    `SELECT pg_catalog.obj_description($1::oid, 'pg_class') AS comment`,
    [oid],
  )
  return Number(/^semel: layout (\d+)/.exec(row?.['comment'] ?? '')?.[1] ?? 1)
}
