import { importPeer } from '../../core/peer.js'

/** What is used of the package `pg`. */
export interface Driver {
  readonly Client: new (config: ClientConfig) => Client
}

export interface ClientConfig extends Address {
  readonly connectionString?: string
  readonly application_name: string
  readonly connectionTimeoutMillis: number
  readonly keepAlive: true
}

/** Where the server is, and who comes; what is left out is as the environment (PGHOST …) has it. */
export interface Address {
  /** A name, an address, or the directory of a Unix socket. */
  readonly host?: string
  readonly port?: number
  readonly user?: string
  /** A function is asked at each connecting. */
  readonly password?: string | (() => string | Promise<string>)
  readonly database?: string
  /** As `tls.connect` takes them; true: TLS, with the certificate checked. */
  readonly ssl?: boolean | Readonly<Record<string, unknown>>
}

export interface Query {
  readonly text: string
  readonly values?: readonly unknown[]
  /** Of a statement that the server keeps under this name. */
  readonly name?: string
  /** Refuses a text of several statements. */
  readonly queryMode?: 'extended'
  readonly types?: { getTypeParser(): (value: string) => unknown }
}

export interface Result {
  /** The statement's first word as the server answers it: a COMMIT may be answered ROLLBACK. */
  readonly command: string
  readonly rowCount: number | null
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

export interface Client {
  readonly host: string
  readonly port: number
  /** What the server, or a pooler, knows the session by; null before it has said so. */
  readonly processID: number | null
  readonly secretKey: number | null
  connect(): Promise<unknown>
  query(query: Query): Promise<Result | readonly Result[]>
  /** Without waiting for a query that is under way. */
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
}

/**
 * The package `pg`, an optional peer.
 * @throws SemelError `SEMEL_MISSING_PEER` where it is not installed
 */
export async function loadDriver(specifier = 'pg'): Promise<Driver> {
  const loaded = await importPeer(specifier, 'writing to PostgreSQL', 'pg')
  return (loaded as { default: Driver }).default
}
