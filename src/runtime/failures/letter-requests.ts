import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { DeadLetter } from './letter-reader.js'

/** The folder in a stream's directory; it is there while something is asked. */
const folderName = 'requests'
const ending = '.json'

/** What is asked of a stream by others than its own process: to retry or to drop dead letters. */
export interface LetterRequest {
  readonly action: 'retry' | 'drop'
  /** By the directory's own numbers of shards. */
  readonly letters: readonly Pick<DeadLetter, 'shard' | 'number'>[]
}

/**
 * Files a request: the process that has the directory open sees it within a second, otherwise the next
 * opening does. It is durable when this returns.
 * @returns its path: the file is gone when all its letters have been dealt with
 */
export function fileRequest(dir: string, request: LetterRequest): string {
  const folder = join(dir, folderName)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // The time first: requests are done in the order in which they came.
  const name = `${String(Date.now()).padStart(15, '0')}-${randomUUID()}${ending}`
  const path = join(folder, name)
  const newPath = `${path}.new`
  writeFileSync(newPath, JSON.stringify(request), { mode: 0o600, flag: 'wx', flush: true })
  renameSync(newPath, path)
  const opened = openSync(folder, 'r')
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
  return path
}

/** The paths of the requests that wait, oldest first. */
export function requestPaths(dir: string): string[] {
  const folder = join(dir, folderName)
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(ending))
    return names.toSorted().map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** A request; undefined where it is gone meanwhile, or none of ours: it is left alone then. */
export function readRequest(path: string): LetterRequest | undefined {
  try {
    return checked(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}

/** A request has been dealt with. */
export function removeRequest(dir: string, path: string): void {
  rmSync(path, { force: true })
  try {
    rmdirSync(join(dir, folderName))
  } catch {
    // Others wait in it.
  }
}

function checked(value: unknown): LetterRequest | undefined {
  const { action, letters } = (value ?? {}) as Partial<LetterRequest>
  if ((action !== 'retry' && action !== 'drop') || !Array.isArray(letters)) return undefined
  const areLetters = letters.every(
    ({ shard, number }: Partial<DeadLetter>) =>
      Number.isSafeInteger(shard) && Number.isSafeInteger(number),
  )
  return areLetters ? { action, letters } : undefined
}
