import { readSync } from 'node:fs'
import { SemelError } from '../../core/errors.js'
import { writeAt } from './disk.js'

const newline = 0x0a
const blockBytes = 64 * 1024
const lastLineBytesMax = 16 * 1024 * 1024

/**
 * How many bytes of a file from elsewhere are whole lines. A last line that lacks nothing but its line
 * end gets one; any other beginning of a line does not count.
 * @throws SemelError `SEMEL_SINK` where the file is not made of lines
 */
export function wholeLinesBytes(fd: number, size: number, path: string): number {
  const start = lastLineStart(fd, size)
  if (start === size) return size
  if (start === undefined) {
    throw new SemelError(
      'SEMEL_SINK',
      `${path} does not end in lines of text; move it away, or give the sink another path`,
    )
  }
  if (!isJson(read(fd, start, size).toString())) return start
  writeAt(fd, Buffer.of(newline), size)
  return size + 1
}

/** Where the bytes behind the last line end begin; undefined where none comes in sight. */
function lastLineStart(fd: number, size: number): number | undefined {
  for (let end = size; end > 0 && size - end < lastLineBytesMax; end -= blockBytes) {
    const start = Math.max(0, end - blockBytes)
    const found = read(fd, start, end).lastIndexOf(newline)
    if (found !== -1) return start + found + 1
  }
  return size <= lastLineBytesMax ? 0 : undefined
}

function read(fd: number, start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(end - start)
  let done = 0
  while (done < bytes.length) {
    const got = readSync(fd, bytes, done, bytes.length - done, start + done)
    if (got === 0) break
    done += got
  }
  return bytes.subarray(0, done)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
