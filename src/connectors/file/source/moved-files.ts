import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import {
  goesOn,
  isSameInode,
  lookAt,
  inodeOf,
  type FileIdentity,
  type Inode,
  type SeenFile,
} from './file-identity.js'

/** Entries of a folder that are looked at for a file that was moved. */
const entriesMax = 10_000

interface Entry {
  readonly path: string
  readonly inode: Inode
}

/** What lies beside the files that are read, as it was when a folder was first looked into. */
export class Folders {
  readonly #entries = new Map<string, Promise<readonly Entry[]>>()

  /**
   * Where a file went that something else has taken the place of: it was renamed within its folder. One
   * of which nothing was read, not even its first bytes, is known by being called after its old name,
   * or by the time at which it was made.
   */
  async renamed(known: FileIdentity, offset: number): Promise<SeenFile | undefined> {
    for (const { path, inode } of await this.#beside(known.path)) {
      if (path === known.path || !isSameInode(inode, known)) continue
      const isSure = known.born !== undefined && inode.born !== undefined
      if (offset === 0 && !isSure && !isCalledAfter(path, known.path)) continue
      const seen = await lookedAt(path)
      if (seen !== undefined && (offset === 0 || (await goesOn(seen, known, offset)))) return seen
    }
    return undefined
  }

  /** What is called after a file, such as the copy that `copytruncate` leaves beside it. */
  async calledAfter(known: string): Promise<SeenFile[]> {
    const found: SeenFile[] = []
    for (const { path } of await this.#beside(known)) {
      const seen = isCalledAfter(path, known) ? await lookedAt(path) : undefined
      if (seen !== undefined) found.push(seen)
    }
    return found
  }

  #beside(path: string): Promise<readonly Entry[]> {
    const folder = dirname(path)
    const entries = this.#entries.get(folder) ?? entriesOf(folder)
    this.#entries.set(folder, entries)
    return entries
  }
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

/** `app.log` → `app.log.1`, `app.log-20260101`, `app.1.log`, `app-old.log`. */
export function isCalledAfter(path: string, earlier: string): boolean {
  const name = basename(path)
  const base = basename(earlier)
  const stem = base.slice(0, base.length - extname(base).length)
  if (name === base) return false
  return [base, stem].some(
    (start) => name.startsWith(start) && /^[.\-_~]/.test(name.slice(start.length)),
  )
}

async function entriesOf(folder: string): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const name of await namesIn(folder)) {
    const path = join(folder, name)
    try {
      entries.push({ path, inode: inodeOf(await stat(path, { bigint: true })) })
    } catch {
      // It went away just now, or is a link to nothing.
    }
  }
  return entries
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted().slice(0, entriesMax)
  } catch {
    return []
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
