import { SemelError, toError } from '../../core/errors.js'
import { importPeer } from '../../core/peer.js'

/** What is used of the package `better-sqlite3`. */
export type Driver = new (
  path: string,
  options: { readonly fileMustExist: true; readonly timeout: number },
) => Database

export interface Database {
  readonly inTransaction: boolean
  prepare(sql: string): Statement
  pragma(sql: string): unknown
  exec(sql: string): unknown
  close(): unknown
}

export interface Statement {
  /** Whether it answers rows. */
  readonly reader: boolean
  run(...parameters: readonly unknown[]): {
    readonly changes: number
    readonly lastInsertRowid: number | bigint
  }
  get(...parameters: readonly unknown[]): unknown
  all(...parameters: readonly unknown[]): unknown[]
  bind(...parameters: readonly unknown[]): unknown
}

/**
 * The package `better-sqlite3`, an optional peer.
 * @throws SemelError `SEMEL_MISSING_PEER` where it is not installed
 */
export async function loadDriver(specifier = 'better-sqlite3'): Promise<Driver> {
  const loaded = await importPeer(specifier, 'writing to SQLite', 'better-sqlite3')
  return (loaded as { default: Driver }).default
}

/** What opening a database threw where the package has no binary that this Node can load; else undefined. */
export function missingBinary(thrown: unknown): SemelError | undefined {
  const { code, message } = toError(thrown) as NodeJS.ErrnoException
  if (code !== 'ERR_DLOPEN_FAILED' && !message.startsWith('Could not locate the bindings file')) {
    return undefined
  }
  return new SemelError(
    'SEMEL_MISSING_PEER',
    `better-sqlite3 is installed without a binary for Node ${process.version}: ${message.split('\n')[0]}; build it: npm rebuild better-sqlite3`,
    { cause: thrown },
  )
}
