import { closeSync, ftruncateSync, unlinkSync } from 'node:fs'
import { SemelError } from '../../../core/errors.js'
import type { FileClaims, WriteSpan } from '../../../core/sink.js'
import { checkOfEndAt, copyAside, readAt } from './disk.js'
import { begun, type KeptFile } from './kept-files.js'
import { hasHead, noHead, openByInode, type OwnFile } from './own-file.js'
import { endLastLine, newline } from './whole-lines.js'

interface GoOn {
  /** What the sink's path leads to now. */
  readonly at: OwnFile
  /** Oldest first; not empty. */
  readonly kept: readonly KeptFile[]
  /** The committed place. */
  readonly committed: number
  /** The last write of any connection; undefined where nobody knows. */
  readonly span: WriteSpan | undefined
  readonly claims: FileClaims | undefined
}

export interface Standing {
  /** The last one is the file at the sink's path. */
  readonly files: readonly KeptFile[]
  /** Of that one: the next output's byte. */
  readonly size: number
}

/**
 * Brings the sink's files to what was committed: outputs behind the place are cut off, and nothing else
 * is. The file is known by its number and its first bytes, wherever its name leads. Where it has been
 * moved within its directory, or the sink has another path now, it is cut back where it lies, and the
 * outputs go on behind what the sink's path leads to. One that another sink of the shard writes now is
 * that one's, and keeps all that it has.
 * @throws SemelError `SEMEL_SINK_BEHIND` where what was committed can't be found, `SEMEL_SINK_FOREIGN`
 * where outputs that would have to be cut off lie in front of what others have written
 */
export function goOn({ at, kept, committed, span, claims }: GoOn): Standing {
  // More than the last write may have no commit, and reach over several files: what a kill takes with a
  // group at `disk`, what a power loss takes from the ack log.
  const index = kept.findLastIndex(({ base, start }) => base + start <= committed)
  const file = kept[index]
  if (file === undefined) throw forgotten(at, kept.length)
  // What is between the two was others', in a file before.
  const place = Math.max(committed, file.base + file.start)
  const [found, ...later] = kept.slice(index).map((one) => find(one, at, place))
  // Given another path, a sink may find its old file with another one, which stands behind all that is there.
  const isOfAnother = (one: OwnFile | undefined): boolean =>
    one !== undefined && one !== at && claims?.isOfAnother(one.path) === true
  const others = [found, ...later].filter((one) => one !== undefined && one !== at)
  const claimed = others.filter((one) => !isOfAnother(one))
  try {
    if (found === undefined) throw missing(file, at, place)
    for (const other of claimed) claims?.claim((other as OwnFile).path)
    if (found.size < place - file.base) throw behind(found.path, found.size, place - file.base)
    const newest = [found, ...later].at(-1)
    if (!isOfAnother(newest)) refuseForeign(committed, span, newest, kept.at(-1) as KeptFile)
    let size = isOfAnother(found)
      ? place - file.base
      : cutBack(found, file, place, span, kept[index + 1])
    const before = kept.slice(0, index)
    for (const [i, one] of later.entries()) {
      const as = kept[index + 1 + i] as KeptFile
      if (one === undefined || isOfAnother(one)) continue
      if (!isOurs(one, as, span, kept[index + 2 + i])) keepAside(one, as.start)
      empty(one, as.start, one === at)
    }
    if (found !== at) {
      const { size: end } = at === later.at(-1) ? { size: (kept.at(-1) as KeptFile).start } : at
      const standing = file.base + size
      size = endLastLine(at.fd, end)
      before.push({ ...file, path: found.path }, begun(at, standing, size))
    } else {
      if (size > place - file.base) size = endLastLine(at.fd, size)
      const head = size < file.head.bytes ? noHead : file.head
      before.push({ ...file, head, path: at.path, inode: at.inode })
    }
    return { files: before, size }
  } finally {
    for (const other of claimed) claims?.release((other as OwnFile).path)
    for (const other of others) closeSync((other as OwnFile).fd)
  }
}

/** Open, where it is not `at` itself. */
function find(file: KeptFile, at: OwnFile, place: number): OwnFile | undefined {
  // Bytes that were not committed may have been cut off and written otherwise.
  const head = place - file.base < file.head.bytes ? noHead : file.head
  if (at.inode === file.inode && hasHead(at, head)) return at
  const moved = openByInode(file.inode, file.path)
  if (moved !== undefined) {
    if (moved.inode !== at.inode && hasHead(moved, head)) return moved
    closeSync(moved.fd)
  }
  // A copy that was put back has another number.
  return head.bytes > 0 && hasHead(at, head) ? at : undefined
}

/** Where others' bytes lie among those that are to be cut off, or behind them, a person has to decide. */
function refuseForeign(
  committed: number,
  span: WriteSpan | undefined,
  file: OwnFile | undefined,
  { base }: KeptFile,
): void {
  if (span === undefined || file === undefined || committed >= span.to) return
  if (span.own > committed) {
    throw new SemelError(
      'SEMEL_SINK_FOREIGN',
      `${file.path}: outputs that were not committed lie in front of what others have written, up to byte ${span.own - base}; move what is theirs elsewhere and cut the file at byte ${Math.max(0, committed - base)}, then open the stream again`,
    )
  }
  if (file.size > span.to - base) {
    throw new SemelError(
      'SEMEL_SINK_FOREIGN',
      `${file.path}: its bytes up to ${span.to - base} were written and not committed, and others have written behind them; move what is behind that byte elsewhere and cut the file there, then open the stream again`,
    )
  }
}

/**
 * Cuts off what was written and not committed; the size then.
 * @param next the file that followed it, where one did
 */
function cutBack(
  file: OwnFile,
  { base }: KeptFile,
  place: number,
  span: WriteSpan | undefined,
  next: KeptFile | undefined,
): number {
  const { fd, size } = file
  const committed = place - base
  if (span !== undefined && place >= span.to) return size
  if (!isOurs(file, { base }, span, next)) keepAside(file, committed)
  ftruncateSync(fd, committed)
  return committed
}

/**
 * Whether a file ends with what the sink wrote last to it, and so holds nobody else's bytes that it does
 * not know of. A torn write might be less of ours and some of another's.
 * @param next the file that followed it, where one did
 */
function isOurs(
  { fd, size }: Pick<OwnFile, 'fd' | 'size'>,
  { base }: Pick<KeptFile, 'base'>,
  span: WriteSpan | undefined,
  next: KeptFile | undefined,
): boolean {
  if (span === undefined) return false
  if (next !== undefined) return size === next.base + next.start - base
  return size === span.to - base && checkOfEndAt(fd, span.from - base, size) === span.check
}

/**
 * Cuts back a file of which nothing is kept but the place: that of a directory that an older version made
 * or a repair mended, where what is cut off is copied aside, or of a connection that keeps nothing.
 */
export function adopt({ fd, path, size }: OwnFile, place: number, copies: boolean): void {
  if (size < place) throw behind(path, size, place)
  if (place > 0 && readAt(fd, place - 1, 1)[0] !== newline) {
    throw new SemelError(
      'SEMEL_SINK_BEHIND',
      `${path}: ${place} bytes were committed to it, and no line ends there: it is another file; put the right one back, or open the stream with another directory to begin anew`,
    )
  }
  if (copies && size > place) copyAside(fd, place, size, path)
  ftruncateSync(fd, place)
}

/**
 * Where no place is kept: cuts off the line that a kill has torn, in what was announced; the size then.
 * Whole lines stay, whosever they are.
 */
export function cutTornLine(
  file: OwnFile,
  { base }: KeptFile,
  span: WriteSpan | undefined,
): number {
  const { fd, path, size } = file
  if (span === undefined || size <= span.from - base || size >= span.to - base) return size
  const from = span.from - base
  const end = from + readAt(fd, from, size - from).lastIndexOf(newline) + 1
  if (end === size) return size
  copyAside(fd, end, size, path)
  ftruncateSync(fd, end)
  return end
}

function keepAside({ fd, path, size }: OwnFile, start: number): void {
  if (size > start) copyAside(fd, start, size, path)
}

/** Takes everything that the sink has written out of a file that was begun after what was committed. */
function empty({ fd, path, size }: OwnFile, start: number, isAt: boolean): void {
  ftruncateSync(fd, Math.min(size, start))
  if (start === 0 && !isAt) unlinkSync(path)
}

export function behind(path: string, size: number, committed: number): SemelError {
  return new SemelError(
    'SEMEL_SINK_BEHIND',
    `${path} has ${size} bytes, but ${committed} were committed to it; put the file back as it was, ` +
      `or open the stream with another directory to begin anew`,
  )
}

export function deleted(path: string): SemelError {
  return new SemelError(
    'SEMEL_SINK_BEHIND',
    `${path} was deleted while the sink wrote to it; to take outputs away use rotate, or move the file within its directory`,
  )
}

function forgotten({ path }: OwnFile, files: number): SemelError {
  return new SemelError(
    'SEMEL_SINK_BEHIND',
    `${path}: what was committed to it last is further back than the ${files} files that are remembered; open the stream with another directory to begin anew`,
  )
}

function missing({ path, inode, base }: KeptFile, at: OwnFile, place: number): SemelError {
  if (at.inode === inode && at.size < place - base) return behind(at.path, at.size, place - base)
  const there = at.newEntries.length > 0 ? 'nothing is there' : 'another file is there'
  const other = at.path === path ? there : `the sink is ${at.path} now`
  return new SemelError(
    'SEMEL_SINK_BEHIND',
    `${path}, to which ${place - base} bytes were committed, is not in its directory under any name, and ${other}; put it back, or open the stream with another directory to begin anew`,
  )
}
