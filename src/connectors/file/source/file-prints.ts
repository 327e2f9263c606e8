import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'

/**
 * The bytes in front of an offset in a file, by which it is known that those behind its beginning are
 * still the same: many files begin alike, with one header or one reading again and again.
 */
export interface FilePrint {
  /** In bytes; the end of a line. */
  readonly at: number
  /** SHA-256 of the 4096 bytes in front of it, or of as many as there are, in hexadecimal. */
  readonly hash: string
}

const printBytesMax = 4096

export async function printAt(handle: FileHandle, at: number): Promise<FilePrint> {
  const bytes = await bytesBefore(handle, at, printBytesMax)
  return { at, hash: createHash('sha256').update(bytes).digest('hex') }
}

/**
 * The prints of a file that has been read up to `offset`: there, and at the end of the last line that it
 * has now, which will have been read when the reading ends.
 */
export async function printsOf(path: string, offset: number): Promise<FilePrint[]> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const last = await bytesBefore(handle, size, printBytesMax)
    const length = Math.max(last.lastIndexOf(0x0a), last.lastIndexOf(0x0d)) + 1
    const end = length === 0 ? 0 : size - last.length + length
    const offsets = [Math.min(offset, size), end].filter((at, i) => at > (i === 0 ? 0 : offset))
    const prints: FilePrint[] = []
    for (const at of offsets) prints.push(await printAt(handle, at))
    return prints
  } finally {
    await handle.close()
  }
}

/** Whether a file still has the prints up to `offset`; those behind it have not been read. */
export async function hasPrints(
  path: string,
  prints: readonly FilePrint[],
  offset: number,
): Promise<boolean> {
  const read = prints.filter(({ at }) => at <= offset)
  if (read.length === 0) return true
  const handle = await open(path, 'r')
  try {
    for (const { at, hash } of read) if ((await printAt(handle, at)).hash !== hash) return false
    return true
  } finally {
    await handle.close()
  }
}

async function bytesBefore(handle: FileHandle, at: number, most: number): Promise<Buffer> {
  const from = Math.max(0, at - most)
  const bytes = Buffer.alloc(at - from)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, from + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}
