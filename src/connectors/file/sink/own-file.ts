import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { SemelError } from '../../../core/errors.js'
import { readAt } from './disk.js'

/** How many of its first bytes a file is known by. */
const headBytesMax = 1024

/** What a file begins with. */
export interface FileHead {
  readonly bytes: number
  readonly hash: string
}

export const noHead: FileHead = { bytes: 0, hash: '' }

/** A file that a sink has open. */
export interface OwnFile {
  readonly fd: number
  /** Without links. */
  readonly path: string
  /** As text: it may have 64 bits. */
  readonly inode: string
  readonly size: number
  /** Directories whose entries are new, and not yet durable. */
  readonly newEntries: readonly string[]
}

/**
 * Opens a file for reading and writing; makes it, and the directories on the way, where it is missing.
 * A link is followed.
 */
export function openOrCreate(path: string): OwnFile {
  const parent = dirname(path)
  const made = mkdirSync(parent, { recursive: true })
  const isNew = !existsSync(path)
  const file = opened(openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666), path)
  if (!isNew) return file
  const newEntries = [dirname(file.path)]
  if (made !== undefined) {
    const top = dirname(made)
    for (let at = parent; at !== top; at = dirname(at)) newEntries.push(dirname(at))
  }
  return { ...file, newEntries }
}

/** Finds and opens the file with this number: by its last name, or by another in the same directory. */
export function openByInode(inode: string, lastPath: string): OwnFile | undefined {
  const path = [lastPath, ...siblings(lastPath)].find((name) => inodeAt(name) === inode)
  return path === undefined ? undefined : opened(openSync(path, constants.O_RDWR), path)
}

/** The number of the file that a path leads to; undefined where there is none, or no file. */
export function inodeAt(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found?.isFile() === true ? String(found.ino) : undefined
}

/** What a file begins with, up to `end`. */
export function headOf(fd: number, end: number): FileHead {
  const bytes = readAt(fd, 0, Math.min(end, headBytesMax))
  return { bytes: bytes.length, hash: createHash('sha256').update(bytes).digest('hex') }
}

/** Whether a file begins as it did; true of one that had nothing to know it by. */
export function hasHead({ fd, size }: OwnFile, head: FileHead): boolean {
  return head.bytes === 0 || (size >= head.bytes && headOf(fd, head.bytes).hash === head.hash)
}

/** Whether more than `head` tells is there to know a file by, once `end` bytes are committed. */
export function couldTellMore(head: FileHead, end: number): boolean {
  return head.bytes < Math.min(end, headBytesMax)
}

function opened(fd: number, path: string): OwnFile {
  const stats = fstatSync(fd, { bigint: true })
  if (!stats.isFile()) {
    closeSync(fd)
    throw new SemelError('SEMEL_SINK', `${path} is not a regular file; name one for the sink`)
  }
  return {
    fd,
    path: realpathSync(path),
    inode: String(stats.ino),
    size: Number(stats.size),
    newEntries: [],
  }
}

function siblings(path: string): string[] {
  const parent = dirname(path)
  return existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : []
}
