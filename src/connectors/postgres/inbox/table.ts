import { SemelError, toError } from '../../../core/errors.js'
import { sqlStateOf } from '../errors.js'
import { literal, quoted } from '../session.js'
import { checkInboxTable, type InboxTableOptions } from './options.js'
import { ask, type Asked } from './transaction.js'

const inboxName = 'semel_inbox'

/** Of the lock under which it is made: "inbox" in ASCII. */
const lockKey = 0x696e626f78

/** With its schema, quoted. */
export function inboxSql(schema: string | undefined): string {
  return schema === undefined ? inboxName : `${quoted(schema)}.${inboxName}`
}

/**
 * The statements that make `semel_inbox` where it is missing, for whoever runs them; run again they
 * change nothing.
 * @throws InvalidArgumentError
 */
export function inboxTable(options?: InboxTableOptions): string {
  const { schema, role } = checkInboxTable(options)
  const table = inboxSql(schema)
  // Compared by bytes: in some collations two ids would be the same one. What cleaning goes by is a
  // constraint, since CREATE INDEX, also where there is one, would wait for every handler that runs.
  const statements = [
    `CREATE TABLE IF NOT EXISTS ${table} (
  scope text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  content bytea,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope, id),
  UNIQUE (scope, at, id)
)`,
    `COMMENT ON TABLE ${table} IS ${literal('semel: layout 1; the ids of handled messages')}`,
  ]
  if (role !== undefined) {
    if (schema !== undefined) {
      statements.push(`GRANT USAGE ON SCHEMA ${quoted(schema)} TO ${quoted(role)}`)
    }
    // SELECT … FOR UPDATE, by which cleaning steps around what is locked, takes UPDATE too.
    statements.push(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${quoted(role)}`)
  }
  return statements.map((statement) => `${statement};\n`).join('')
}

/** Makes it, one client after the other. */
export async function makeInbox(client: Asked, schema: string | undefined): Promise<void> {
  const sql = inboxTable(schema === undefined ? {} : { schema })
  try {
    // One message is one transaction.
    await ask(client, `SELECT pg_advisory_xact_lock(${lockKey}); ${sql}`)
  } catch (thrown) {
    if (sqlStateOf(thrown) !== '42501') throw thrown
    throw new SemelError(
      'SEMEL_SINK',
      `inbox: this user may not make the table ${inboxName}; run what inboxTable({ schema, role }) tells as one who may`,
      { cause: thrown },
    )
  }
}

/** What is said to who may not use the table that is there. */
export function withoutPrivilege(name: string, thrown: unknown): SemelError {
  return new SemelError(
    'SEMEL_SINK',
    `${name}: ${toError(thrown).message}; run what inboxTable({ schema, role }) tells as one who may`,
    { cause: thrown },
  )
}
