import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'

/**
 * The bytes in front of a place in a file, by which it is known that those behind its beginning are
 * still the same: many files begin alike, with one header or one reading again and again.
 */
export interface FileMark {
  /** In bytes; the end of a line. */
  readonly at: number
  /** SHA-256 of the 4096 bytes in front of it, or of as many as there are, in hexadecimal. */
  readonly hash: string
}

const markBytesMax = 4096

export async function markAt(handle: FileHandle, at: number): Promise<FileMark> {
  const bytes = await bytesBefore(handle, at, markBytesMax)
  return { at, hash: createHash('sha256').update(bytes).digest('hex') }
}

/**
 * The marks of a file that has been read up to `offset`: there, and at the end of the last line that it
 * has now, which will have been read when the reading ends.
 */
export async function marksOf(path: string, offset: number): Promise<FileMark[]> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const last = await bytesBefore(handle, size, markBytesMax)
    const length = Math.max(last.lastIndexOf(0x0a), last.lastIndexOf(0x0d)) + 1
    const end = length === 0 ? 0 : size - last.length + length
    const places = [Math.min(offset, size), end].filter((at, i) => at > (i === 0 ? 0 : offset))
    const marks: FileMark[] = []
    for (const at of places) marks.push(await markAt(handle, at))
    return marks
  } finally {
    await handle.close()
  }
}

/** Whether a file still has the marks up to `offset`; those behind it have not been read. */
export async function hasMarks(
  path: string,
  marks: readonly FileMark[],
  offset: number,
): Promise<boolean> {
  const read = marks.filter(({ at }) => at <= offset)
  if (read.length === 0) return true
  const handle = await open(path, 'r')
  try {
    for (const { at, hash } of read) if ((await markAt(handle, at)).hash !== hash) return false
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
