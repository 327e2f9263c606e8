import { resolve } from 'node:path'
import { SemelError } from '../../../core/errors.js'
import type { IdentifiedPartition, KnownPartition, SourceNotice } from '../../../core/source.js'
import {
  beginsWith,
  isFileIdentity,
  isSameInode,
  lookAt,
  truncated,
  type FileIdentity,
  type SeenFile,
} from './file-identity.js'
import { printsOf } from './file-prints.js'
import {
  findFiles,
  isFile,
  isKnown,
  lastAt,
  type Asked,
  type Found,
  type Known,
} from './find-known.js'
import { filesBetween } from './moved-files.js'

/** A file that is about to be read. */
export interface IdentifiedFile extends IdentifiedPartition {
  readonly identity: FileIdentity
  /** The path that was asked for: its options are those of what was there before, too. */
  readonly readAs: string
  /** Names of those that were at its path before, and are read to their ends first. */
  readonly behind: readonly string[]
}

/**
 * Which files there are to read, and which of the known ones they are. A file is known by its inode, its
 * first bytes and those in front of what is read next, and not by how its path is spelled: so links to
 * it, other spellings and its name after a rotation are the same file, and another one at its path is
 * not, however alike the two begin. Of a known file these are looked for, in this order:
 *
 * - Its inode, among the files that were asked for and beside its path, where the bytes are still the
 *   same: it may have been renamed, and is read to its end. Of one of which nothing was read the inode
 *   is all that is asked.
 * - Another inode at its path with the same bytes: it was copied back, or written anew by an editor.
 * - A file with the same bytes that is called after it: its copy, where it was copied and cut off.
 *
 * What is at its path otherwise is another file, which is read from its start. Where the earlier one
 * was not found and had unread bytes when it was seen last, or the new one is how it began, the reading
 * is refused; where it had none, a notice tells it. An empty file in the place of one that was read and
 * is not found is left alone until something is in it.
 *
 * @throws SemelError `SEMEL_SOURCE`, `SEMEL_SOURCE_TRUNCATED`
 */
export async function identifyFiles(
  paths: readonly string[],
  known: readonly KnownPartition[],
  notice: (notice: SourceNotice) => void,
): Promise<readonly IdentifiedFile[]> {
  const asked: Asked[] = []
  for (const path of paths) {
    const seen = await lookAt(path)
    if (!asked.some(isFile(seen))) asked.push({ seen, is: knownByName(seen, known), earlier: [] })
  }
  const files = known.flatMap(({ identity, offset }, i) =>
    isFileIdentity(identity) ? { i, identity, offset: Number(offset) } : [],
  )
  await findFiles(asked, files)
  for (const one of asked) await checkEarlier(one, files, asked, notice)
  const found: IdentifiedFile[] = []
  for (const one of asked) {
    for (const file of one.earlier) {
      // Known by the path that was asked for: beside that one it is looked for again.
      if (!isDone(file, files)) found.push(await identified(file, one.seen, known, []))
    }
    if (isLeftAlone(one, files, asked)) continue
    found.push(await identified(one, one.seen, known, namesBefore(one, files, asked)))
  }
  return found
}

/** As 0.1.0 has kept it: the path as it was spelled, from wherever that was. */
function knownByName(
  { path, identity: { size, path: real } }: SeenFile,
  known: readonly KnownPartition[],
): number[] {
  return [...known.keys()].filter((i) => {
    const { name, identity, offset } = known[i] as KnownPartition
    if (identity !== undefined) return false
    if (resolve(name) !== resolve(path) && resolve(name) !== real) return false
    if (size < offset) throw truncated(path, size, Number(offset))
    return true
  })
}

/** Finds what came between a file and the one in its place, and tells of what is not found. */
async function checkEarlier(
  { seen, is, earlier }: Asked,
  files: readonly Known[],
  asked: readonly Asked[],
  notice: (notice: SourceNotice) => void,
): Promise<void> {
  if (is.length > 0) return
  const { path, size } = seen.identity
  const last = lastAt(path, files)
  for (const moved of earlier.filter((file) => last.some(({ i }) => file.is.includes(i)))) {
    for (const between of await filesBetween(moved.seen.path, path)) {
      if (asked.some(isFile(between)) || (await isKnown(between, files))) continue
      earlier.push({ seen: between, is: [] })
    }
  }
  if (size === 0) return
  const lost = files.filter(
    ({ i, identity, offset }) =>
      identity.path === path && offset > 0 && foundOf(asked, i) === undefined,
  )
  for (const { identity, offset } of lost) {
    const isShorter = size < offset && isSameInode(seen.identity, identity)
    if (isShorter && beginsWith(seen, identity.head)) throw truncated(seen.path, size, offset)
    if (identity.size > offset) throw replacedUnread(seen, identity.size - offset)
  }
  const told = lost.find((one) => last.includes(one))
  if (told !== undefined) tellReplaced(seen, told.offset, notice)
}

/** With what it will be known by, and the prints of what has been read of it. */
async function identified(
  { seen, is }: Found,
  at: SeenFile,
  known: readonly KnownPartition[],
  behind: readonly string[],
): Promise<IdentifiedFile> {
  const read = is.map((i) => Number(known[i]?.offset ?? 0))
  const prints = await printsOf(seen.path, Math.max(0, ...read))
  const identity = { ...seen.identity, path: at.identity.path, marks: prints }
  return { name: seen.path, is, identity, readAs: at.path, behind }
}

/** Of those that were asked for under another name by now. */
function namesBefore(one: Asked, files: readonly Known[], asked: readonly Asked[]): string[] {
  const { path } = one.seen.identity
  const wasThere = ({ is }: Asked): boolean =>
    files.some(({ i, identity }) => is.includes(i) && identity.path === path)
  return asked.filter((other) => other !== one && wasThere(other)).map(({ seen }) => seen.path)
}

/** Of a file that was rotated away: whether there is nothing to read, and nothing new to know it by. */
function isDone({ seen, is }: Found, files: readonly Known[]): boolean {
  const known = files.filter(({ i }) => is.includes(i))
  return (
    known.length > 0 &&
    known.every(
      ({ identity, offset }) =>
        isSameInode(identity, seen.identity) && offset >= seen.identity.size,
    )
  )
}

function isLeftAlone(
  { seen, is }: Asked,
  files: readonly Known[],
  asked: readonly Asked[],
): boolean {
  if (seen.identity.size > 0 || is.length > 0) return false
  return files.some(
    ({ i, identity, offset }) =>
      identity.path === seen.identity.path && offset > 0 && foundOf(asked, i) === undefined,
  )
}

function foundOf(asked: readonly Asked[], i: number): Found | undefined {
  return asked.flatMap((one) => [one, ...one.earlier]).find(({ is }) => is.includes(i))
}

function replacedUnread({ path }: SeenFile, bytes: number): SemelError {
  return new SemelError(
    'SEMEL_SOURCE_TRUNCATED',
    `${path} holds other content than before, of which ${bytes} bytes had not been read, and that is not to be found beside it; put it there under any name such as ${path}.1, and it is read first, or open the stream with another directory to begin anew`,
  )
}

function tellReplaced(
  { path }: SeenFile,
  offset: number,
  notice: (notice: SourceNotice) => void,
): void {
  notice({
    code: 'SEMEL_SOURCE_REPLACED',
    message: `${path} holds other content than before, and is read from its start; what was written to the earlier one behind the byte ${offset} is not to be found beside it`,
    warning: true,
  })
}
