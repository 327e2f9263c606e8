import { durationMs, type Duration } from '../../core/durations.js'
import { InvalidArgumentError } from '../../core/errors.js'
import { checkOptions, shown } from '../../core/options.js'
import type { Address } from './driver.js'
import type {
  Checked,
  Column,
  PostgresStatement,
  PostgresTable,
  PostgresWriter,
  SynchronousCommit,
  TableTarget,
  WriterTarget,
} from './options.js'

const timeoutMsMin = 100
const timeoutMsMax = 3_600_000
const levels = ['off', 'local', 'remote_write', 'on', 'remote_apply']

/** @throws InvalidArgumentError */
export function checkPostgresOptions(address: unknown, options: unknown): Checked {
  if (options === undefined) {
    throw new InvalidArgumentError(
      "postgres: there is no table, statement or function; give { table: 'bars' }, { sql, parameters } or { write }",
    )
  }
  const given = checkOptions<
    Required<PostgresTable> & Required<PostgresStatement> & Required<PostgresWriter>
  >(options, 'postgres', [
    'table',
    'columns',
    'key',
    'deletes',
    'sql',
    'parameters',
    'write',
    'schema',
    'synchronousCommit',
    'timeout',
    'prepared',
  ])
  const { schema, synchronousCommit, timeout = '30s', prepared = false } = given
  if (synchronousCommit !== undefined && !levels.includes(synchronousCommit as string)) {
    throw new InvalidArgumentError(
      `postgres.synchronousCommit: there is no ${shown(synchronousCommit)}; there are ${levels.join(', ')}`,
    )
  }
  const timeoutMs = durationMs(timeout as Duration, 'postgres.timeout')
  if (timeoutMs < timeoutMsMin || timeoutMs > timeoutMsMax) {
    throw new InvalidArgumentError(
      `postgres.timeout: ${shown(timeout)} is out of bounds; give a duration from '100ms' to '1h'`,
    )
  }
  if (typeof prepared !== 'boolean') {
    throw new InvalidArgumentError(
      `postgres.prepared: ${shown(prepared)} is neither true nor false; give one of them`,
    )
  }
  return {
    address: checkAddress(address),
    target: checkTarget(given),
    schema: schema === undefined ? undefined : checkText(schema, 'postgres.schema', 'a schema'),
    synchronousCommit: synchronousCommit as SynchronousCommit | undefined,
    timeoutMs,
    isPrepared: prepared,
  }
}

/** @throws InvalidArgumentError */
export function checkAddress(address: unknown): Checked['address'] {
  if (typeof address === 'string') {
    if (/^(?:postgres|postgresql|socket):/.test(address)) return { connectionString: address }
    throw new InvalidArgumentError(
      'postgres: this is no connection string; give postgres://user@host:5432/database, or { host, port, user, password, database, ssl }',
    )
  }
  if (address === undefined) {
    throw new InvalidArgumentError(
      'postgres: there is no server; give postgres://user@host:5432/database, or {} for what the environment says (PGHOST …)',
    )
  }
  const known = ['host', 'port', 'user', 'password', 'database', 'ssl'] as const
  const { host, port, user, password, database, ssl } = checkOptions<Required<Address>>(
    address,
    'postgres',
    known,
  )
  for (const [name, value] of Object.entries({ host, user, database })) {
    if (value !== undefined) checkText(value, `postgres.${name}`, 'a name')
  }
  if (port !== undefined && !(Number.isInteger(port) && (port as number) > 0)) {
    throw new InvalidArgumentError(`postgres.port: ${shown(port)} is not a port; give 5432, say`)
  }
  if (password !== undefined && typeof password !== 'string' && typeof password !== 'function') {
    // The value is not shown: it may be half a secret.
    throw new InvalidArgumentError(
      'postgres.password: it is neither a text nor a function; give one of these',
    )
  }
  if (ssl !== undefined && typeof ssl !== 'boolean' && (typeof ssl !== 'object' || ssl === null)) {
    throw new InvalidArgumentError(
      `postgres.ssl: ${shown(ssl)} says nothing; give true, false or options as tls.connect takes them`,
    )
  }
  const parts = Object.entries({ host, port, user, password, database, ssl })
  return Object.fromEntries(parts.filter(([, value]) => value !== undefined)) as Address
}

type Given = {
  readonly [N in 'table' | 'columns' | 'key' | 'deletes' | 'sql' | 'parameters' | 'write']?: unknown
}

function checkTarget(given: Given): Checked['target'] {
  const { table, sql, parameters, write } = given
  const named = (['table', 'sql', 'write'] as const).filter((name) => given[name] !== undefined)
  if (named.length !== 1) {
    throw new InvalidArgumentError(
      `postgres: there ${named.length === 0 ? 'is no table, statement or function' : `are ${named.join(' and ')}`}; give one of { table: 'bars' }, { sql, parameters } and { write }`,
    )
  }
  for (const name of ['columns', 'key', 'deletes'] as const) {
    if (table !== undefined || given[name] === undefined) continue
    throw new InvalidArgumentError(
      `postgres.${name}: that is said of a table; give table in the stead of ${named[0]}`,
    )
  }
  if (sql === undefined && parameters !== undefined) {
    throw new InvalidArgumentError(
      `postgres.parameters: a statement has some; give sql in the stead of ${named[0]}`,
    )
  }
  if (table !== undefined) return checkTable(given)
  if (write !== undefined) {
    if (typeof write === 'function') return { write: write as WriterTarget['write'] }
    throw new InvalidArgumentError(
      `postgres.write: ${shown(write)} is not a function; give async (transaction, outputs) => { … }`,
    )
  }
  const text = checkText(sql, 'postgres.sql', 'a statement').trim().replace(/;$/, '')
  const comments = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/
  if (!/^(?:insert|update|delete|merge|with)\b/i.test(text.replace(comments, ''))) {
    throw new InvalidArgumentError(
      `postgres.sql: ${shown(text)} is no statement that changes rows; give INSERT, UPDATE, DELETE or MERGE`,
    )
  }
  if (typeof parameters === 'function') {
    return { sql: text, parameters: parameters as (outputs: readonly never[]) => unknown }
  }
  return { sql: text, parameters: checkNames(parameters, 'postgres.parameters', 'a property') }
}

function checkTable({ table, columns, key, deletes }: Given): TableTarget {
  const target = {
    table: checkText(table, 'postgres.table', 'a table'),
    columns: checkColumns(columns),
    key: key === undefined ? undefined : checkNames(key, 'postgres.key', 'a column'),
  }
  if (deletes !== undefined && typeof deletes !== 'function') {
    throw new InvalidArgumentError(
      `postgres.deletes: ${shown(deletes)} is not a function; give (output) => …`,
    )
  }
  if (deletes !== undefined && target.key === undefined) {
    throw new InvalidArgumentError(
      "postgres.deletes: nothing says which row goes; give key: ['id'], say",
    )
  }
  for (const name of target.key ?? []) {
    if (target.columns === undefined || target.columns.some((one) => one.name === name)) continue
    throw new InvalidArgumentError(
      `postgres.key: ${shown(name)} is not among the columns; name it there too`,
    )
  }
  return { ...target, deletes: deletes as ((output: never) => unknown) | undefined }
}

function checkColumns(columns: unknown): readonly Column[] | undefined {
  if (columns === undefined) return undefined
  if (typeof columns !== 'object' || columns === null || Symbol.iterator in columns) {
    return checkNames(columns, 'postgres.columns', 'a column').map((name) => ({ name, from: name }))
  }
  const entries = Object.entries(columns as Readonly<Record<string, unknown>>)
  checkNames(
    entries.map(([name]) => name),
    'postgres.columns',
    'a column',
  )
  return entries.map(([name, from]) => {
    if (typeof from !== 'function' && typeof from !== 'string') {
      throw new InvalidArgumentError(
        `postgres.columns.${name}: ${shown(from)} is neither a property nor a function; give 'price' or (output) => …`,
      )
    }
    return { name, from: from as Column['from'] }
  })
}

function checkNames(value: unknown, option: string, what: string): readonly string[] {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) {
    throw new InvalidArgumentError(`${option}: ${shown(value)} names nothing; give ['id'], say`)
  }
  const names = Array.from(value as Iterable<unknown>, (name) => checkText(name, option, what))
  if (names.length === 0) {
    throw new InvalidArgumentError(`${option}: there is none; give at least one`)
  }
  const twice = names.find((name, at) => names.indexOf(name) < at)
  if (twice === undefined) return names
  throw new InvalidArgumentError(`${option}: ${shown(twice)} is named twice; name it once`)
}

function checkText(value: unknown, option: string, what: string): string {
  if (typeof value === 'string' && value.trim() !== '' && !value.includes('\0')) return value
  throw new InvalidArgumentError(`${option}: ${shown(value)} is not the text of ${what}`)
}
