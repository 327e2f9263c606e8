import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { open, realpath, stat, type FileHandle } from 'node:fs/promises'
import { SemelError } from '../../../core/errors.js'
import { sourceError } from '../errors.js'
import { hasPrints, type FilePrint } from './file-prints.js'
import { refuseBinary } from './magic.js'

/** How much of a file's beginning tells it from others. */
const headBytesMax = 4096
/** How much of it does so at the least, where as much has been read. */
export const headBytesMin = 256
/** How much of it is kept as it is, for a file that has become shorter than what was hashed. */
const firstBytesMax = 128

/** By what a file is known again, whatever it is called then. Plain data; numbers of 64 bits as text. */
export interface FileIdentity {
  /** Where it was read, without links: the path that others may take after it. */
  readonly path: string
  readonly device: string
  readonly inode: string
  /** When it was made, in nanoseconds: an inode is given away again. Missing where that is not known. */
  readonly born?: string
  /** In bytes, when it was looked at last. */
  readonly size: number
  readonly head: FileHead
  /**
   * Prints behind its beginning, under the name that directories have them by; missing in what was kept
   * before there were any.
   */
  readonly marks?: readonly FilePrint[]
}

/** A file's first bytes: whole lines of it, which stay as they are while it is the same file. */
export interface FileHead {
  readonly bytes: number
  /** SHA-256 of them, in hexadecimal. */
  readonly hash: string
  /** The first 128 of them at most, in base64. */
  readonly first: string
}

/** A file that has been looked at. */
export interface SeenFile {
  /** As it was asked for. */
  readonly path: string
  readonly identity: FileIdentity
  /** The first bytes, as many as a head has at most. */
  readonly start: Buffer
}

/**
 * Looks at a file that is to be read.
 * @throws SemelError `SEMEL_SOURCE` where it can't be, or is no text
 */
export async function lookAt(path: string): Promise<SeenFile> {
  const handle = await openFile(path)
  try {
    const stats = await handle.stat({ bigint: true })
    const start = await startOf(handle)
    refuseBinary(path, start)
    const identity = {
      path: await realpath(path),
      ...inodeOf(stats),
      size: Number(stats.size),
      head: headOf(start, wholeLines(start)),
    }
    return { path, identity, start }
  } catch (thrown) {
    throw sourceError(path, thrown)
  } finally {
    await handle.close()
  }
}

/** The head of an open file that has been read up to `offset`. */
export async function headUpTo(handle: FileHandle, offset: number): Promise<FileHead> {
  const start = await startOf(handle)
  return headOf(start, Math.min(start.length, offset))
}

/** @throws SemelError `SEMEL_SOURCE` for what is no regular file, saying what it is */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    // Looked at first: opening a pipe would wait for a writer.
    const stats = await stat(path)
    if (stats.isFile()) return await open(path, 'r')
    throw new SemelError('SEMEL_SOURCE', `${path} is not a regular file${instead(path, stats)}`)
  } catch (thrown) {
    throw sourceError(path, thrown)
  }
}

/** By what a file system has a file, under whatever names. */
export type Inode = Pick<FileIdentity, 'device' | 'inode' | 'born'>

export function inodeOf({ dev, ino, birthtimeNs, ctimeNs }: BigIntStats): Inode {
  const found = { device: String(dev), inode: String(ino) }
  // Some systems don't tell it, and give 0 or the time of the last change.
  return birthtimeNs === 0n || birthtimeNs === ctimeNs
    ? found
    : { ...found, born: String(birthtimeNs) }
}

export function isSameInode(a: Inode, b: Inode): boolean {
  if (a.device !== b.device || a.inode !== b.inode) return false
  return a.born === undefined || b.born === undefined || a.born === b.born
}

/**
 * Whether what has been read of a known file is there in this one, as far as can be told: it is as long,
 * begins with the same bytes, and has the same in front of the offsets that have a print.
 */
export async function goesOn(
  seen: SeenFile,
  { head, marks: prints = [] }: FileIdentity,
  offset: number,
): Promise<boolean> {
  if (seen.identity.size < offset || !beginsWith(seen, head)) return false
  return hasPrints(seen.path, prints, offset)
}

/** How the beginning of a file compares with a head; of one that is shorter, as far as it goes. */
export function beginsWith(
  { start, identity }: SeenFile,
  { bytes, hash, first }: FileHead,
): boolean {
  if (identity.size >= bytes) return hashOf(start.subarray(0, bytes)) === hash
  const known = Buffer.from(first, 'base64')
  const length = Math.min(start.length, known.length)
  return start.subarray(0, length).equals(known.subarray(0, length))
}

/** What a directory has kept may be of another version: it is not relied upon. */
export function isFileIdentity(value: unknown): value is FileIdentity {
  const {
    path,
    device,
    inode,
    size,
    head,
    marks: prints = [],
  } = (value ?? {}) as Partial<FileIdentity>
  const { bytes, hash, first } = (head ?? {}) as Partial<FileHead>
  return (
    [path, device, inode, hash, first].every((text) => typeof text === 'string') &&
    [size, bytes].every((number) => Number.isSafeInteger(number)) &&
    Array.isArray(prints) &&
    prints.every((print) => Number.isSafeInteger(print?.at) && typeof print.hash === 'string')
  )
}

/** What has been read of it is not there any more. */
export function truncated(path: string, size: number, offset: number): SemelError {
  return new SemelError(
    'SEMEL_SOURCE_TRUNCATED',
    `${path} has ${size} bytes, but ${offset} of it have been read before; put the file back as it ` +
      `was, or open the stream with another directory to begin anew`,
  )
}

async function startOf(handle: FileHandle): Promise<Buffer> {
  const start = Buffer.alloc(headBytesMax)
  let length = 0
  while (length < start.length) {
    const { bytesRead } = await handle.read(start, length, start.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return start.subarray(0, length)
}

function headOf(start: Buffer, bytes: number): FileHead {
  const head = start.subarray(0, bytes)
  return {
    bytes,
    hash: hashOf(head),
    first: head.subarray(0, firstBytesMax).toString('base64'),
  }
}

/** The last line may be torn, and written anew; a beginning without any line end is taken as it is. */
function wholeLines(start: Buffer): number {
  const bytes = Math.max(start.lastIndexOf(0x0a), start.lastIndexOf(0x0d)) + 1
  return bytes === 0 && start.length >= headBytesMax ? headBytesMax : bytes
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function instead(path: string, stats: Awaited<ReturnType<typeof stat>>): string {
  if (stats.isDirectory()) return ` but a directory; give the files in it, such as ${path}/*.ndjson`
  if (stats.isFIFO() || stats.isSocket()) {
    return ` but ${stats.isFIFO() ? 'a pipe' : 'a socket'}, which can be read once only; give semel run --source - and its content as standard input, or read it with iterableSource(…)`
  }
  return ' but a device; give the path of a file, or semel run --source - for standard input'
}
