import { SemelError, toError } from '../../core/errors.js'
import { isUnavailable, Unavailable } from '../../core/handler-errors.js'
import { RejectedOutputs } from '../../core/sink.js'
import { CommitRefused } from '../../core/transactional.js'

/**
 * Whose fault an error is.
 * - `rows`: of what was written
 * - `unclear`: of the rows, where the same statement without any passes
 * - `sink`: of the server, the connection or the configuration
 */
export type Fault = 'rows' | 'unclear' | 'sink'

/** What the server answers with an error; undefined where it is not the server that says so. */
export function sqlStateOf(thrown: unknown): string | undefined {
  const { code } = toError(thrown) as { readonly code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code)
    ? code
    : undefined
}

/** Classes of https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function faultOf(thrown: unknown): Fault {
  const state = sqlStateOf(thrown)
  switch (state?.slice(0, 2)) {
    case '09': // triggered action
    case '20': // case not found
    case '21': // cardinality
    case '22': // data
    case '23': // integrity constraint
    case '27': // triggered data change
    case '44': // WITH CHECK OPTION
    case 'P0': // PL/pgSQL, RAISE
      return 'rows'
    case undefined:
    case '08': // connection
    case '25': // transaction state; read-only
    case '26': // statement name
    case '28': // authorization
    case '3D': // catalog name
    case '3F': // schema name
    case '40': // rollback: serialization, deadlock
    case '53': // resources
    case '55': // not in the prerequisite state; lock not available
    case '57': // operator intervention
    case '58': // system
    case 'F0': // configuration file
    case 'HV': // foreign data
    case 'XX': // internal
      return 'sink'
    default:
      // A limit of the program, a policy on rows (which has the code of a missing privilege), a function's
      // own code: or else what concerns every row.
      return 'unclear'
  }
}

/** What is thrown for a value that the database can't hold as it is. */
export function refusedValue(message: string, cause?: unknown): SemelError {
  return new SemelError('SEMEL_OUTPUT', message, { cause })
}

/** Why the database refuses a row. */
export function refusedRow(what: string, thrown: unknown): SemelError {
  const { message, detail } = toError(thrown) as Error & { readonly detail?: unknown }
  const more = typeof detail === 'string' && detail !== '' ? ` (${detail.slice(0, 200)})` : ''
  return new SemelError('SEMEL_OUTPUT', `${what} refuses it: ${message}${more}`, { cause: thrown })
}

/** Whether server and client do not agree on how to talk, which waiting does not help. */
function isMisconfigured(thrown: unknown): boolean {
  const { message, code } = toError(thrown) as NodeJS.ErrnoException
  return (
    /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_TLS/.test(String(code)) ||
    /^SASL|does not support SSL/.test(message)
  )
}

/** What a failed call on a server becomes: a stable code and a remedy. */
export function postgresError(name: string, what: string, thrown: unknown): Error {
  if (thrown instanceof SemelError || isUnavailable(thrown)) return thrown
  if (thrown instanceof RejectedOutputs || thrown instanceof CommitRefused) return thrown
  const said = `${name}: can't ${what}: ${toError(thrown).message}`
  const remedied = (remedy: string): SemelError =>
    new SemelError('SEMEL_SINK', `${said}; ${remedy}`, { cause: thrown })
  const waiting = (remedy: string): Unavailable =>
    new Unavailable(`${said}; ${remedy}`, { cause: thrown })
  const state = sqlStateOf(thrown)
  switch (state) {
    case '53100':
      return new SemelError(
        'SEMEL_NO_SPACE',
        `${said}; free space on the server's disk, then it goes on`,
        { cause: thrown, retriable: true },
      )
    case '53300':
      return waiting(
        'it goes on when a connection is free: raise max_connections, or take a pooler',
      )
    case '25006':
      return waiting(
        'it goes on when the server takes writes: a standby does not, give the primary',
      )
    case '55P03':
      return waiting('another transaction holds the lock: find it in pg_stat_activity, and end it')
    case '42501':
      return remedied('grant what docs/guide/databases.md lists, as semel postgres init does')
    case '42P01':
    case '42703':
      return remedied('create it, then open again')
    case '25P03':
      return waiting('a function of write gives the next statement within a minute')
    case '26000':
    case '42P05':
      return remedied('leave prepared out: behind a pooler a session keeps no statements')
    case undefined:
      if (isMisconfigured(thrown)) return remedied('check ssl, user and password')
      return waiting('it is asked again until the server answers')
    default:
      break
  }
  switch (state.slice(0, 2)) {
    case '28':
      return remedied('check user, password and pg_hba.conf')
    case '3D':
      return remedied('create the database, or give another one')
    case '08':
    case '40':
    case '53':
    case '55':
    case '57':
    case '58':
    case 'XX':
      return waiting('it is asked again until that has passed')
    default:
      return remedied('check the statement and the tables that it names')
  }
}
