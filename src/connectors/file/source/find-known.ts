import { goesOn, isSameInode, type FileIdentity, type SeenFile } from './file-identity.js'
import { Folders, isCalledAfter } from './moved-files.js'

/** A known partition that is a file, and its index in the list of them. */
export interface Known {
  readonly i: number
  readonly identity: FileIdentity
  readonly offset: number
}

/** A file that there is, and what it is of the known ones. */
export interface Found {
  readonly seen: SeenFile
  readonly is: number[]
}

/** A file that was asked for, and those that were at its path before. Oldest first. */
export interface Asked extends Found {
  readonly earlier: Found[]
}

/** Puts each known file where it is found. */
export async function findFiles(asked: readonly Asked[], files: readonly Known[]): Promise<void> {
  const folders = new Folders()
  const lost = new Set(files)
  const put = (one: Known, { is }: Found): void => {
    is.push(one.i)
    lost.delete(one)
  }
  for (const one of files) {
    const there = asked.find(({ seen }) => isSameInode(seen.identity, one.identity))
    if (there !== undefined && (await isWhole(there.seen, one))) put(one, there)
  }
  for (const one of lost) {
    const inPlace = asked.find(({ seen }) => seen.identity.path === one.identity.path)
    if (inPlace === undefined) continue
    const seen = await folders.renamed(one.identity, one.offset)
    if (seen === undefined || asked.some(isFile(seen))) continue
    put(one, earlierOf(inPlace, seen))
  }
  for (const inPlace of asked) {
    const { seen, is } = inPlace
    const last = lastAt(seen.identity.path, files).filter((one) => lost.has(one))
    const isFree = is.length === 0
    for (const one of last) {
      if (isFree && !isSameInode(seen.identity, one.identity) && (await isWhole(seen, one))) {
        put(one, inPlace)
      }
    }
    for (const one of last.filter((other) => lost.has(other))) {
      const copy = await copyOf(one, inPlace, asked, files, folders)
      if (copy !== undefined) put(one, copy)
    }
  }
  // Without a copy: what was not read may be another by now, as a line that was torn or is corrected.
  for (const inPlace of asked.filter(({ is }) => is.length === 0)) {
    const { seen } = inPlace
    const last = lastAt(seen.identity.path, files)
    for (const one of lost) {
      const isInode = isSameInode(seen.identity, one.identity)
      if (!isInode && !last.includes(one)) continue
      const isUnread = isInode && one.offset === 0
      if (isUnread || (hasPrint(one) && (await goesOn(seen, one.identity, one.offset)))) {
        put(one, inPlace)
      }
    }
  }
}

/** Nobody else's, and called after its path: of a copy the bytes are all there is to know it by. */
async function copyOf(
  lost: Known,
  inPlace: Asked,
  asked: readonly Asked[],
  files: readonly Known[],
  folders: Folders,
): Promise<Found | undefined> {
  const { path, head } = lost.identity
  if (head.bytes === 0) return undefined
  const others = files.filter(({ identity }) => !isSame(identity, lost.identity))
  for (const one of [...asked, ...inPlace.earlier]) {
    if (one === inPlace || others.some(({ i }) => one.is.includes(i))) continue
    if (isCalledAfter(one.seen.identity.path, path) && (await isWhole(one.seen, lost))) return one
  }
  for (const seen of await folders.calledAfter(path)) {
    if (asked.some(isFile(seen)) || !(await isWhole(seen, lost))) continue
    if (!(await isKnown(seen, others))) return earlierOf(inPlace, seen)
  }
  return undefined
}

/** The file that was seen last at a path: known once for each of a stream's classes. */
export function lastAt(path: string, files: readonly Known[]): Known[] {
  const there = files.filter(({ identity }) => identity.path === path)
  const last = there.at(-1)
  return last === undefined ? [] : there.filter(({ identity }) => isSame(identity, last.identity))
}

function isSame(a: FileIdentity, b: FileIdentity): boolean {
  return a.path === b.path && isSameInode(a, b) && a.head.hash === b.head.hash
}

export async function isKnown(seen: SeenFile, files: readonly Known[]): Promise<boolean> {
  for (const { identity, offset } of files) {
    if (!isSameInode(seen.identity, identity)) continue
    if (offset === 0 || (await goesOn(seen, identity, offset))) return true
  }
  return false
}

export function isFile(seen: SeenFile): (one: Found) => boolean {
  return (one) => isSameInode(one.seen.identity, seen.identity)
}

/** Whether a file goes on as a known one, with all that was seen of that before, be it read or not. */
async function isWhole(seen: SeenFile, { identity, offset }: Known): Promise<boolean> {
  const { size } = seen.identity
  return size >= Math.max(identity.size, offset) && (await goesOn(seen, identity, size))
}

/** Whether anything is known of what was read but how it begins, where there is more than that. */
function hasPrint({ identity: { head, marks: prints }, offset }: Known): boolean {
  return prints === undefined || head.bytes >= offset || prints.some(({ at }) => at <= offset)
}

function earlierOf({ earlier }: Asked, seen: SeenFile): Found {
  const there = earlier.find(isFile(seen)) ?? { seen, is: [] }
  if (!earlier.includes(there)) earlier.push(there)
  return there
}
