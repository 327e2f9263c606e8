import { SemelError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import { quoted, type Row, type Session } from './session.js'
import type { ValueType } from './values/values.js'

/** From 12 on the catalog tells generated columns. */
const versionMin = 120_000

export interface TableColumn {
  readonly name: string
  readonly type: ValueType
  /** Whether it has its values from elsewhere alone. */
  readonly isGenerated: boolean
  /** Whether values are the same only where their texts are: 1.0 and 1 are, and some collations’ é and É. */
  readonly isExact: boolean
}

/** Types of which a value has one text, as it is sent. */
const exactTypes = new Set(['int2', 'int4', 'int8', 'bool', 'text', 'varchar', 'bytea'])

export interface Table {
  /** With its schema, quoted. */
  readonly sql: string
  readonly columns: readonly TableColumn[]
}

interface Found {
  readonly oid: string
  readonly schema: string
  readonly kind: string
  readonly persistence: string
}

/** @throws SemelError `SEMEL_SINK` where the server is too old */
export async function checkServer(session: Session): Promise<void> {
  const [row] = await session.ask(`SELECT current_setting('server_version_num') AS version`)
  if (Number(row?.['version']) >= versionMin) return
  throw new SemelError(
    'SEMEL_SINK',
    `${session.name}: the server has version ${row?.['version']}; take one from 12 on`,
  )
}

/**
 * A relation of this name, in this schema or along the search path.
 * @param schema not quoted
 */
export async function relation(
  session: Session,
  schema: string | undefined,
  name: string,
): Promise<Found | undefined> {
  const path = schema === undefined ? quoted(name) : `${quoted(schema)}.${quoted(name)}`
  const [row] = await session.ask(
    `SELECT c.oid, n.nspname AS schema, c.relkind AS kind, c.relpersistence AS persistence
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = pg_catalog.to_regclass($1)`,
    [path],
  )
  return row as unknown as Found | undefined
}

/** @throws SemelError `SEMEL_SINK` where there is no such table, or what is written there is not kept */
export async function describeTable(
  session: Session,
  schema: string | undefined,
  name: string,
): Promise<Table> {
  const found = await relation(session, schema, name)
  const wrong = found === undefined ? absent(schema, name) : misfit(found, name)
  if (found === undefined || wrong !== undefined) {
    throw new SemelError('SEMEL_SINK', `${session.name}: ${wrong}`)
  }
  const rows = await session.ask(
    `SELECT attname AS name, atttypid AS type, atttypmod AS typmod, attgenerated <> '' OR attidentity = 'a' AS generated,
            pg_catalog.format_type(atttypid, atttypmod) AS text,
            coalesce((SELECT collisdeterministic FROM pg_catalog.pg_collation c WHERE c.oid = attcollation), true) AS deterministic
       FROM pg_catalog.pg_attribute
      WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [found.oid],
  )
  const types = await describeTypes(
    session,
    rows.map(({ type }) => type as string),
  )
  return {
    sql: `${quoted(found.schema)}.${quoted(name)}`,
    columns: rows.map((row) => {
      const type = types(row['type'] as string, Number(row['typmod']), row['text'] as string)
      return {
        name: row['name'] as string,
        type,
        isGenerated: row['generated'] === 't',
        isExact: row['deterministic'] === 't' && exactTypes.has(type.name ?? ''),
      }
    }),
  }
}

function absent(schema: string | undefined, name: string): string {
  const where = schema === undefined ? 'in the search path' : `in the schema ${shown(schema)}`
  return `there is no table ${shown(name)} ${where}; create it, or give its schema apart from its name, then open again`
}

/** Why what is written there would not be kept with the commit's number. */
function misfit({ kind, persistence }: Found, name: string): string | undefined {
  const table = `the table ${shown(name)}`
  if (kind === 'f') {
    return `${table} is a foreign one, and another server's transaction does not end with this one; give a table of this server`
  }
  if (!'rpv'.includes(kind)) return `${shown(name)} takes no rows; give a table`
  if (persistence === 'p') return undefined
  return `${table} is ${persistence === 't' ? 'temporary' : 'unlogged'}, and is emptied when the server crashes; make it a lasting one (ALTER TABLE … SET LOGGED)`
}

interface Known {
  readonly row: Row
  readonly base: string
  readonly element: string
}

/** Looks types up with all that they rest on: domains and the elements of arrays. */
export async function describeTypes(
  session: Session,
  oids: readonly string[],
): Promise<(oid: string, typmod: number, text?: string) => ValueType> {
  const known = new Map<string, Known>()
  for (let wanted = new Set(oids); wanted.size > 0;) {
    const rows = await session.ask(
      `SELECT t.oid, n.nspname AS schema, t.typname AS name, pg_catalog.format_type(t.oid, NULL) AS text,
              t.typtypmod AS typmod, t.typbasetype AS base,
              CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid) THEN t.typelem ELSE 0 END AS element
         FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        WHERE t.oid = ANY ($1::oid[])`,
      [`{${[...wanted].join(',')}}`],
    )
    const next = new Set<string>()
    for (const row of rows) {
      const [base, element] = [row['base'] as string, row['element'] as string]
      known.set(row['oid'] as string, { row, base, element })
      for (const oid of [base, element]) if (oid !== '0') next.add(oid)
    }
    for (const oid of known.keys()) next.delete(oid)
    wanted = next
  }
  const typeOf = (oid: string, typmod: number, text?: string): ValueType => {
    const { row, base, element } = known.get(oid) as Known
    const shownText = text ?? (row['text'] as string)
    // A domain's own checks are made when its column takes the value.
    if (base !== '0') {
      return typeOf(base, typmod >= 0 ? typmod : Number(row['typmod']), shownText)
    }
    return {
      text: shownText,
      sql: `${quoted(row['schema'] as string)}.${quoted(row['name'] as string)}`,
      name: row['schema'] === 'pg_catalog' ? (row['name'] as string) : undefined,
      typmod,
      element: element === '0' ? undefined : typeOf(element, typmod),
    }
  }
  return typeOf
}
