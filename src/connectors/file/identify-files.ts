import { resolve } from 'node:path'
import { SemelError } from '../../core/errors.js'
import type { IdentifiedPartition, KnownPartition, SourceNotice } from '../../core/source.js'
import {
  beginsWith,
  isFileIdentity,
  isSameInode,
  lookAt,
  truncated,
  type FileIdentity,
  type SeenFile,
} from './file-identity.js'
import { filesBetween, findMoved } from './moved-files.js'

/** How many files that were rotated away may still be written to, by who has them open. */
const writtenStillMax = 2

/** What a known partition is to a file that is to be read. */
type Relation = 'same' | 'replaced' | 'other'

/** A file that is about to be read. */
export interface IdentifiedFile extends IdentifiedPartition {
  readonly identity: FileIdentity
  /** The path that was asked for: its options are those of what was there before, too. */
  readonly readAs: string
}

/**
 * Which files there are to read, and which of the known ones they are. A file is known by its inode and
 * its first bytes, and not by how its path is spelled: so links to it, other spellings and its name
 * after a rotation are the same file, and another one at its path is not.
 *
 * - The same inode, or another one at the same path (copied back, written anew by an editor): the same
 *   file, where it begins with the same bytes and is not shorter than what was read of it.
 * - Other bytes at its path: another file, which is read from its start. The earlier one is looked for
 *   in its folder, and read to its end where it is found. Where it is not and had unread bytes when it
 *   was seen last, the reading is refused; where it had none, a notice tells it.
 * - An empty file in the place of one that was read is left alone until something is in it.
 *
 * @throws SemelError `SEMEL_SOURCE`, `SEMEL_SOURCE_TRUNCATED`
 */
export async function identifyFiles(
  paths: readonly string[],
  known: readonly KnownPartition[],
  notice: (notice: SourceNotice) => void,
): Promise<readonly IdentifiedFile[]> {
  const files: SeenFile[] = []
  for (const path of paths) {
    const seen = await lookAt(path)
    if (!files.some(({ identity }) => isSameInode(identity, seen.identity))) files.push(seen)
  }
  const relations = files.map((seen) => known.map((one) => relationOf(seen, one)))
  for (const [i, one] of known.entries()) keepOne(relations, i, files, one)
  const isFound = (i: number): boolean => relations.some((ofFile) => ofFile[i] === 'same')
  const found: IdentifiedFile[] = []
  for (const [at, seen] of files.entries()) {
    const related = relations[at] as readonly Relation[]
    const is = places(related, 'same')
    const before = places(related, 'replaced').filter((i) => !isFound(i))
    const earlier = await earlierFiles(seen, known, before, is.length > 0, notice)
    for (const one of earlier) {
      if ([...files, ...found].some(({ identity }) => isSameInode(identity, one.identity))) continue
      found.push(one)
    }
    if (seen.identity.size > 0 || places(related, 'replaced').length === 0) {
      found.push({ name: seen.path, is, identity: seen.identity, readAs: seen.path })
    }
  }
  return found
}

/** A known file is one file now: the one with its inode, rather than a copy in its place. */
function keepOne(
  relations: Relation[][],
  i: number,
  files: readonly SeenFile[],
  { identity }: KnownPartition,
): void {
  const same = [...files.keys()].filter((at) => relations[at]?.[i] === 'same')
  const kept =
    same.find((at) => isFileIdentity(identity) && isInodeOf(files[at] as SeenFile, identity)) ??
    same[0]
  for (const at of same) if (at !== kept) (relations[at] as Relation[])[i] = 'other'
}

function isInodeOf({ identity }: SeenFile, known: FileIdentity): boolean {
  return isSameInode(identity, known)
}

function places(relations: readonly Relation[], wanted: Relation): number[] {
  return [...relations.keys()].filter((i) => relations[i] === wanted)
}

function relationOf(seen: SeenFile, { name, identity, offset }: KnownPartition): Relation {
  const { size, path } = seen.identity
  if (identity === undefined) {
    // As 0.1.0 has kept it: the path as it was spelled, from wherever that was.
    if (resolve(name) !== resolve(seen.path) && resolve(name) !== path) return 'other'
    if (size < offset) throw truncated(seen.path, size, offset)
    return 'same'
  }
  if (!isFileIdentity(identity)) return 'other'
  const inPlace = identity.path === path
  const isInode = isSameInode(identity, seen.identity)
  if (!inPlace && !isInode) return 'other'
  const begins = beginsWith(seen, identity.head)
  if (begins && size >= offset) return 'same'
  // An inode is given to another file once its own is gone.
  if (!inPlace) return 'other'
  if (begins && size > 0 && isInode) throw truncated(seen.path, size, offset)
  return 'replaced'
}

/** The files that were at a path before the one that is there now, and are not read to their ends. */
async function earlierFiles(
  now: SeenFile,
  known: readonly KnownPartition[],
  before: readonly number[],
  isRead: boolean,
  notice: (notice: SourceNotice) => void,
): Promise<IdentifiedFile[]> {
  const isOther = (seen: SeenFile): boolean =>
    known.some(
      ({ identity }, i) =>
        !before.includes(i) && isFileIdentity(identity) && isInodeOf(seen, identity),
    )
  const found: IdentifiedFile[] = []
  const moved: SeenFile[] = []
  for (const i of isRead ? before.filter(mayHaveMore) : before) {
    const { identity, offset } = known[i] as { identity: FileIdentity; offset: number }
    const seen = await findMoved(identity, offset, isOther)
    if (seen === undefined) {
      // Where nothing was read, it may have been corrected, as a header that was refused.
      if (!isRead && now.identity.size > 0 && offset > 0) {
        tellReplaced(now, identity, offset, notice)
      }
      continue
    }
    moved.push(seen)
    if (seen.identity.size > offset) {
      const there = { ...seen.identity, path: identity.path }
      found.push({ name: seen.path, is: [i], identity: there, readAs: now.path })
    }
  }
  if (isRead) return found
  for (const { path } of moved.slice()) {
    for (const between of await filesBetween(path, now.identity.path)) {
      if (isOther(between) || moved.some((one) => isInodeOf(between, one.identity))) continue
      moved.push(between)
      found.push({ name: between.path, is: [], identity: between.identity, readAs: now.path })
    }
  }
  return found

  /** Once the file in its place is read: one with unread bytes, and the last ones, still written to. */
  function mayHaveMore(i: number, place: number): boolean {
    const { identity, offset } = known[i] as { identity: FileIdentity; offset: number }
    return identity.size > offset || place >= before.length - writtenStillMax
  }
}

function tellReplaced(
  { path }: SeenFile,
  { size }: FileIdentity,
  offset: number,
  notice: (notice: SourceNotice) => void,
): void {
  if (size > offset) {
    throw new SemelError(
      'SEMEL_SOURCE_TRUNCATED',
      `${path} holds other content than before, of which ${size - offset} bytes had not been read, and that is not to be found beside it; put it there under any name such as ${path}.1, and it is read first, or open the stream with another directory to begin anew`,
    )
  }
  notice({
    code: 'SEMEL_SOURCE_REPLACED',
    message: `${path} holds other content than before, and is read from its start; what was written to the earlier one behind the byte ${offset} is not to be found beside it`,
    warning: true,
  })
}
