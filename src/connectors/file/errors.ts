import { SemelError, toError } from '../../core/errors.js'

/** What a failed call on a sink's file becomes: a stable code and a remedy. */
export function sinkError(path: string, what: string, thrown: unknown): SemelError {
  if (thrown instanceof SemelError) return thrown
  const { code, message } = toError(thrown) as NodeJS.ErrnoException
  const said = `can't ${what} ${path}: ${message}`
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new SemelError('SEMEL_NO_SPACE', `${said}; free space on its disk, then it goes on`, {
        cause: thrown,
        // A sync that found no space has lost what was written: only reopening recovers that.
        retriable: what !== 'sync',
      })
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new SemelError(
        'SEMEL_READ_ONLY',
        `${said}; let this user write to it, or give the sink another path`,
        { cause: thrown },
      )
    case 'EISDIR':
    case 'ENOTDIR':
    case 'EEXIST':
      return new SemelError('SEMEL_SINK', `${said}; give the sink the path of a file`, {
        cause: thrown,
      })
    default:
      return new SemelError(
        'SEMEL_SINK',
        what === 'sync'
          ? `${said}; check its disk, then open the stream again: it goes on from the last commit`
          : `${said}; check the path and its disk`,
        { cause: thrown },
      )
  }
}

/** What a failed call on a source's file becomes: a stable code and a remedy. */
export function sourceError(path: string, thrown: unknown): SemelError {
  if (thrown instanceof SemelError) return thrown
  const { code, message } = toError(thrown) as NodeJS.ErrnoException
  const remedy =
    code === 'ENOENT'
      ? `there is no such file from ${process.cwd()}; check the path`
      : code === 'EACCES' || code === 'EPERM'
        ? 'let this user read it'
        : 'check the file and its disk'
  return new SemelError('SEMEL_SOURCE', `can't read ${path}: ${message}; ${remedy}`, {
    cause: thrown,
  })
}
