import { SemelError, toError } from '../../core/errors.js'
import { Unavailable } from '../../core/handler-errors.js'
import { RejectedOutputs } from '../../core/sink.js'
import { CommitRefused } from '../../core/transactional.js'
import { missingBinary } from './driver.js'

/** The primary code of an extended one: `SQLITE_IOERR` of `SQLITE_IOERR_FSYNC`. */
function primaryOf(thrown: unknown): string {
  const { code } = toError(thrown) as { readonly code?: unknown }
  return /^SQLITE_[A-Z]+/.exec(String(code))?.[0] ?? ''
}

/** Whether another connection has the lock: nothing has happened, and the same may succeed later. */
export function isBusy(thrown: unknown): boolean {
  const code = primaryOf(thrown)
  return code === 'SQLITE_BUSY' || code === 'SQLITE_LOCKED'
}

/** Whether a row violates what the table demands of its rows. */
export function isConstraint(thrown: unknown): boolean {
  return primaryOf(thrown) === 'SQLITE_CONSTRAINT'
}

/**
 * Why a single output is refused; undefined where what was thrown is the database's failure as a whole.
 * @param isSound whether the statement means something to the database still: an error without a code
 * of its own is then the row's (a text that is no JSON, say)
 */
export function refusalOf(
  thrown: unknown,
  what: string,
  isSound: () => boolean,
): SemelError | undefined {
  if (thrown instanceof SemelError) return thrown.code === 'SEMEL_OUTPUT' ? thrown : undefined
  if (thrown instanceof RejectedOutputs || thrown instanceof CommitRefused) return undefined
  const error = toError(thrown)
  const isRows = ((): boolean => {
    switch (primaryOf(thrown)) {
      case 'SQLITE_CONSTRAINT':
      case 'SQLITE_MISMATCH':
      case 'SQLITE_TOOBIG':
        return true
      case 'SQLITE_ERROR':
        return isSound()
      case '':
        // None of SQLite's: the driver's (too few parameters, say) or the output's own (a proxy).
        return true
      default:
        return false
    }
  })()
  if (!isRows) return undefined
  return new SemelError('SEMEL_OUTPUT', `${what} refuses it: ${error.message}`, { cause: thrown })
}

/** What is thrown for a value that the database can't hold as it is. */
export function refusedValue(message: string, cause?: unknown): SemelError {
  return new SemelError('SEMEL_OUTPUT', message, { cause })
}

/** What a failed call on a database becomes: a stable code and a remedy. */
export function sqliteError(path: string, what: string, thrown: unknown): Error {
  if (thrown instanceof SemelError) return thrown
  if (thrown instanceof RejectedOutputs || thrown instanceof CommitRefused) return thrown
  const peer = missingBinary(thrown)
  if (peer !== undefined) return peer
  const { message } = toError(thrown)
  const said = `can't ${what} ${path}: ${message}`
  switch (primaryOf(thrown)) {
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return new Unavailable(
        `${said}; another connection has held its lock for longer than busyTimeout: end that one, or give a longer busyTimeout`,
        { cause: thrown },
      )
    case 'SQLITE_FULL':
      return new SemelError('SEMEL_NO_SPACE', `${said}; free space on its disk, then it goes on`, {
        cause: thrown,
        retriable: true,
      })
    case 'SQLITE_READONLY':
    case 'SQLITE_PERM':
      return new SemelError(
        'SEMEL_READ_ONLY',
        `${said}; let this user write to it and to its directory, or give the sink another path`,
        { cause: thrown },
      )
    case 'SQLITE_CORRUPT':
    case 'SQLITE_NOTADB':
      return new SemelError(
        'SEMEL_SINK',
        `${said}; it is damaged, or no database: check it with sqlite3's .recover, or put a copy back`,
        { cause: thrown },
      )
    case 'SQLITE_CANTOPEN':
      return new SemelError('SEMEL_SINK', `${said}; create it with its table, or check the path`, {
        cause: thrown,
      })
    default:
      return new SemelError('SEMEL_SINK', `${said}; check the path and its disk`, { cause: thrown })
  }
}
