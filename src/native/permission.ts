import { fileURLToPath } from 'node:url'
import { SemelError } from '../core/errors.js'

/** What semel needs of Node's permission model, as the end of an error. */
export const permissionRemedy =
  'start Node with --allow-addons, --allow-worker (unless workers: 0), --allow-fs-read=* and --allow-fs-write for what your own code writes'

/**
 * Whether Node's permission model is on, and keeps something from this process.
 * @param scope of what; undefined: whether it is on
 * @param url of the file that it is about
 */
export function isKept(scope?: 'fs.read' | 'worker', url?: string): boolean {
  const { permission } = process as {
    readonly permission?: { has(scope: string, reference?: string): boolean }
  }
  if (permission === undefined) return false
  if (scope === undefined) return true
  // What a bundler leaves here may be no URL.
  const path = url?.startsWith('file:') === true ? fileURLToPath(url) : undefined
  return !permission.has(scope, path)
}

/** @throws SemelError `SEMEL_WORKER` where no thread may be started */
export function requireThreads(): void {
  if (!isKept('worker')) return
  throw new SemelError(
    'SEMEL_WORKER',
    `Node's permission model keeps semel from starting worker threads; ${permissionRemedy}`,
  )
}
