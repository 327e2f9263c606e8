import {
  closeSync,
  constants,
  fsync,
  fsyncSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'

const sync = promisify(fsync)
const blockBytes = 64 * 1024
const endBytes = 64
const acrossEnd = Buffer.alloc(2)

/** Writes all of `bytes` at `offset`: the system may take fewer at a time. */
export function writeAt(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    const taken = writeSync(fd, bytes, done, bytes.length - done, offset + done)
    if (taken === 0) throw new Error('the system takes no more bytes')
    done += taken
  }
}

/** The bytes from `start` on, `length` of them or as many as there are. */
export function readAt(fd: number, start: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length)
  let done = 0
  while (done < bytes.length) {
    const got = readSync(fd, bytes, done, bytes.length - done, start + done)
    if (got === 0) break
    done += got
  }
  return bytes.subarray(0, done)
}

/**
 * Whether a file has `size` bytes, no more and no fewer. Asked before every write, so by reading across
 * its end: once somebody has asked for a file's times, Linux gives its next write new ones, which costs
 * more than the write.
 */
export function endsAt(fd: number, size: number): boolean {
  return readSync(fd, acrossEnd, 0, 2, Math.max(0, size - 1)) === Math.min(1, size)
}

/** A checksum of the last bytes, as far as a torn write would show there. */
export function checkOfEnd(bytes: Uint8Array): number {
  return crc32(bytes.subarray(-endBytes))
}

/** The same, of a file's bytes up to `end`, which begin at `start`. */
export function checkOfEndAt(fd: number, start: number, end: number): number {
  const length = Math.min(endBytes, end - start)
  return checkOfEnd(readAt(fd, end - length, length))
}

/** Makes the names in a directory durable. Windows has no such call, and needs none. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const fd = openSync(path, constants.O_RDONLY)
  try {
    await sync(fd)
  } finally {
    closeSync(fd)
  }
}

/** The same, for what can't go on before. */
export function syncDirectoryNow(path: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Copies the bytes between two offsets of a file to a new one, `PATH.cut-1` or the next number that is
 * free; durable when it returns.
 */
export function copyAside(fd: number, start: number, end: number, path: string): void {
  let number = 1
  const name = (): string => `${path}.cut-${number}`
  while (statSync(name(), { throwIfNoEntry: false }) !== undefined) number++
  const copy = openSync(name(), 'wx')
  try {
    for (let at = start; at < end; at += blockBytes) {
      writeAt(copy, readAt(fd, at, Math.min(blockBytes, end - at)), at - start)
    }
    fsyncSync(copy)
  } finally {
    closeSync(copy)
  }
}
