import { SemelError } from '../../../core/errors.js'
import { readAt, writeAt } from './disk.js'

export const newline = 0x0a
const blockBytes = 64 * 1024

/**
 * Ends the last line of a file that others have written to, whatever is in it: nothing of theirs is
 * changed, and what follows has a line of its own. The file's size then.
 */
export function endLastLine(fd: number, size: number): number {
  if (size === 0 || readAt(fd, size - 1, 1)[0] === newline) return size
  writeAt(fd, Buffer.of(newline), size)
  return size + 1
}

/**
 * Checks that lines of text may follow what is in a file.
 * @throws SemelError `SEMEL_SINK` where it begins or ends as no text does: archives, UTF-16, holes
 */
export function checkIsText(fd: number, size: number, path: string): void {
  const ends = [readAt(fd, 0, blockBytes), readAt(fd, Math.max(0, size - blockBytes), blockBytes)]
  if (!ends.some((bytes) => bytes.includes(0))) return
  throw new SemelError(
    'SEMEL_SINK',
    `${path} does not hold lines of text; move it away, or give the sink another path`,
  )
}
