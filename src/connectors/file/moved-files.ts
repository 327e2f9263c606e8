import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import {
  beginsWith,
  isSameInode,
  lookAt,
  type FileIdentity,
  type SeenFile,
} from './file-identity.js'

/** Entries of a folder that are looked at for a file that was moved. */
const entriesMax = 10_000

/**
 * Where a file went that something else has taken the place of: it was renamed within its folder, or
 * copied beside it and then cut off (`copytruncate`), as those do that rotate logs.
 * @param offset up to where it has been read: a copy that is shorter is not one
 * @param isOther tells of files that are known for themselves
 */
export async function findMoved(
  known: FileIdentity,
  offset: number,
  isOther: (seen: SeenFile) => boolean,
): Promise<SeenFile | undefined> {
  const folder = dirname(known.path)
  const base = basename(known.path)
  const names = await namesIn(folder)
  // Most of them are called after the old one, and these are few.
  const related = names.filter((name) => name !== base && isCalledAfter(name, base))
  const others = names.filter((name) => name !== base && !isCalledAfter(name, base))
  for (const name of [...related, ...others]) {
    const path = join(folder, name)
    if (!(await isInode(path, known))) continue
    const seen = await lookedAt(path)
    if (seen !== undefined && holds(seen, known, offset)) return seen
  }
  // Of a copy the bytes are all there is to know it by.
  for (const name of known.head.bytes === 0 ? [] : related) {
    const seen = await lookedAt(join(folder, name))
    if (seen !== undefined && holds(seen, known, offset) && !isOther(seen)) return seen
  }
  return undefined
}

/**
 * Those that came between a file that is called `name.3` now and the one that is `name` today: rotated
 * before anybody has read them. Oldest first.
 */
export async function filesBetween(moved: string, path: string): Promise<SeenFile[]> {
  const base = basename(path)
  if (!basename(moved).startsWith(base)) return []
  const number = Number(/^\.(\d{1,4})$/.exec(basename(moved).slice(base.length))?.[1] ?? 0)
  const found: SeenFile[] = []
  for (let i = number - 1; i > 0; i--) {
    const between = await lookedAt(join(dirname(moved), `${base}.${i}`))
    if (between !== undefined) found.push(between)
  }
  return found
}

function holds(seen: SeenFile, { head }: FileIdentity, offset: number): boolean {
  return seen.identity.size >= offset && seen.identity.size >= head.bytes && beginsWith(seen, head)
}

/** `app.log` → `app.log.1`, `app.log-20260101`, `app.1.log`, `app-old.log`. */
function isCalledAfter(name: string, base: string): boolean {
  const stem = base.slice(0, base.length - extname(base).length)
  return [base, stem].some(
    (start) => name.startsWith(start) && /^[.\-_~]/.test(name.slice(start.length)),
  )
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted().slice(0, entriesMax)
  } catch {
    return []
  }
}

async function isInode(path: string, known: FileIdentity): Promise<boolean> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return isSameInode(known, { ...known, device: String(dev), inode: String(ino) })
  } catch {
    return false
  }
}

/** Undefined for what can't be read, or is no text: it is none of what is looked for. */
async function lookedAt(path: string): Promise<SeenFile | undefined> {
  try {
    return await lookAt(path)
  } catch {
    return undefined
  }
}
