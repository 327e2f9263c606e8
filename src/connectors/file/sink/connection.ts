import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  renameSync,
  unlinkSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { ClosedError, SemelError } from '../../../core/errors.js'
import { nowMs } from '../../../core/waiting/timers.js'
import type { SinkConnection, SinkContext } from '../../../core/sink.js'
import { checkOfEnd, endsAt, syncDirectory, syncDirectoryNow, writeAt } from './disk.js'
import { sinkError } from '../errors.js'
import { adopt, behind, cutTornLine, deleted, goOn } from './go-on.js'
import { JsonLines } from './json-lines.js'
import { begun, remembered, type KeptFile } from './kept-files.js'
import { couldTellMore, headOf, inodeAt, openOrCreate, type OwnFile } from './own-file.js'
import { fullFilePath, type Rotation } from './rotation.js'
import { checkIsText, endLastLine } from './whole-lines.js'

/** How often it looks whether its path still leads to its file. */
const lookMs = 5

/**
 * One shard's files: the one at its path, which it writes to, and those that were there before. Bytes up
 * to `#size` are written; what lies behind is left over from a failed write, or somebody else's. Writes
 * name their place in the file, so that a repeated one can't come twice.
 *
 * Its place counts the bytes of all of its files, and of what others have put between: files change
 * between writes, and what others have appended by then is passed over.
 */
export class FileConnection implements SinkConnection<unknown> {
  readonly #path: string
  readonly #context: SinkContext
  readonly #rotation: Rotation
  readonly #lines = new JsonLines()
  #file: OwnFile | undefined
  /** Oldest first; the last one is `#file`, from the rewinding on. */
  #files: readonly KeptFile[] = []
  #base = 0
  #size: number
  /** The place from which on everything is this sink's, as far as it has looked. */
  #own = 0
  /** Where its own ended when others' bytes were last passed over: up to `#own` all is theirs. */
  #passed = Infinity
  /** Up to where a failed write may have left bytes behind `#size`; 0: none did. */
  #tornEnd = 0
  #dirty = true
  #lookedMs = 0
  /** Directories whose entries are new: synced once, with the first flush. */
  #newEntries: readonly string[]
  #flushing: Promise<void> | undefined
  /** A failed sync: the system has dropped the pages, and the next sync would claim success. */
  #lost: SemelError | undefined

  constructor(path: string, context: SinkContext, rotation: Rotation) {
    this.#path = path
    this.#context = context
    this.#rotation = rotation
    try {
      this.#file = this.#take()
      this.#newEntries = this.#file.newEntries
      this.#size = this.#file.size
    } catch (thrown) {
      throw sinkError(path, 'open', thrown)
    }
  }

  rewind(place: number | undefined): void {
    const opened = this.#open()
    const { memo, claims } = this.#context
    let file = opened
    try {
      // Cut back again, it has grown since it was opened.
      file = this.#file = { ...opened, size: fstatSync(opened.fd).size }
      if (place !== undefined && this.#cutOpen(file, place)) return
      const kept = (memo?.read() ?? []) as readonly KeptFile[]
      if (place === undefined) {
        checkIsText(file.fd, file.size, file.path)
        const last = kept.at(-1)
        const isLast = last?.inode === file.inode
        const size = isLast ? cutTornLine(file, last, memo?.announced(0)) : file.size
        this.#size = endLastLine(file.fd, size)
        this.#files = [...(isLast ? kept.slice(0, -1) : kept), begun(file, this.#size, this.#size)]
      } else if (kept.length === 0) {
        adopt(file, place, memo !== undefined)
        this.#size = place
        this.#files = [{ ...begun(file, place, place), start: 0 }]
      } else {
        const span = memo?.announced(place)
        const standing = goOn({ at: file, kept, committed: place, span, claims })
        this.#size = standing.size
        this.#files = remembered(standing.files, this.#rotation.keep)
      }
      this.#base = (this.#files.at(-1) as KeptFile).base
      if (JSON.stringify(kept) !== JSON.stringify(this.#files)) memo?.keep(this.#files)
      this.#tellMore(file)
      const standing = this.place()
      // A process that is killed may take commits before this place along: what lies between is its own.
      if (this.#passed === Infinity || standing !== place) this.#own = this.#passed = standing
      memo?.announce({ own: this.#own, from: standing, to: standing, check: 0 })
      this.#tornEnd = 0
      this.#dirty = true
    } catch (thrown) {
      // Where nothing goes on, nothing is made either.
      if (file.newEntries.length > 0 && fstatSync(file.fd).size === 0) unlinkSync(file.path)
      throw sinkError(this.#path, 'cut back', thrown)
    }
  }

  /**
   * While it is open, it knows what it has written behind a place, and what others have in front of that,
   * which stays; false where others may have written among it, or behind.
   */
  #cutOpen({ fd, size }: OwnFile, place: number): boolean {
    const isBehind = size !== this.#size || this.#tornEnd > 0
    if (isBehind || place < this.#passed || place < this.#base + this.#current.start) return false
    const standing = Math.max(place, this.#own)
    if (standing > this.place()) return false
    ftruncateSync(fd, standing - this.#base)
    this.#size = standing - this.#base
    this.#dirty = true
    this.#context.memo?.announce({ own: this.#own, from: standing, to: standing, check: 0 })
    return true
  }

  place(): number {
    return this.#base + this.#size
  }

  write(outputs: readonly unknown[]): void {
    this.#open()
    if (outputs.length === 0) return
    const bytes = this.#lines.encode(outputs)
    try {
      const { fd } = this.#ready(bytes.length)
      const from = this.place()
      this.#context.memo?.announce({
        own: this.#own,
        from,
        to: from + bytes.length,
        check: checkOfEnd(bytes),
      })
      this.#tornEnd = this.#size + bytes.length
      writeAt(fd, bytes, this.#size)
      this.#tornEnd = 0
    } catch (thrown) {
      // Cut at once, for whoever reads the file meanwhile; where that fails too, the next write does.
      try {
        this.#cutTornEnd()
      } catch {}
      throw sinkError(this.#path, 'write', thrown)
    }
    this.#size += bytes.length
    this.#dirty = true
  }

  async flush(): Promise<void> {
    const { fd } = this.#open()
    // One at a time: the second covers what was written since the first began.
    while (this.#flushing !== undefined) await this.#flushing
    if (!this.#dirty) return
    this.#dirty = false
    this.#flushing = this.#sync(fd)
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  async close(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    this.#file = undefined
    // Closed under a running sync, the number could name another file by then.
    await this.#flushing?.catch(() => {})
    try {
      if (this.#files.length > 0 && this.#tornEnd === 0) {
        this.#tellMore(file)
        this.#context.memo?.seal()
      }
    } catch {
      // It is as after a crash then.
    } finally {
      closeSync(file.fd)
    }
  }

  /** Makes room for a write: the file that it is to go to, standing behind all that is there. */
  #ready(bytes: number): OwnFile {
    if (this.#tornEnd > 0) this.#cutTornEnd()
    const file = this.#open()
    if (!endsAt(file.fd, this.#size)) {
      const { size } = fstatSync(file.fd)
      if (size < this.#size) throw behind(file.path, size, this.#size)
      this.#passed = this.place()
      this.#size = endLastLine(file.fd, size)
      this.#own = this.place()
    }
    if (this.#size >= 1024) this.#tellMore(file)
    const isFull = this.#isFull(bytes)
    const now = nowMs()
    // What is put aside by its name has to be this file.
    if (isFull || now - this.#lookedMs >= lookMs) {
      this.#lookedMs = now
      if (inodeAt(this.#path) !== file.inode) {
        if (fstatSync(file.fd).nlink === 0) throw deleted(file.path)
        return this.#next(file, undefined)
      }
    }
    return isFull ? this.#putAside(file) : file
  }

  #isFull(bytes: number): boolean {
    const { sizeMax, ageMsMax } = this.#rotation
    if (this.#size === 0) return false
    if (this.#size + bytes > sizeMax) return true
    return ageMsMax !== Infinity && Date.now() - this.#current.since >= ageMsMax
  }

  #putAside(file: OwnFile): OwnFile {
    const last = Math.max(0, ...this.#files.map(({ number = 0 }) => number))
    const full = fullFilePath(file.path, last)
    renameSync(file.path, full.path)
    const next = this.#next(file, full)
    this.#deleteOldest()
    return next
  }

  /** Goes on in what the path leads to now. What was written before is committed. */
  #next(file: OwnFile, full: { path: string; number: number } | undefined): OwnFile {
    if (this.#dirty) fdatasyncSync(file.fd)
    const next = this.#take()
    try {
      const size = endLastLine(next.fd, next.size)
      syncDirectoryNow(dirname(next.path))
      const files = [
        ...this.#files.slice(0, -1),
        { ...this.#current, ...full },
        begun(next, this.place(), size),
      ]
      this.#files = remembered(files, this.#rotation.keep)
      this.#context.memo?.keep(this.#files)
      this.#base = this.#current.base
      this.#size = size
    } catch (thrown) {
      this.#context.claims?.release(next.path)
      closeSync(next.fd)
      throw thrown
    }
    if (full !== undefined) this.#context.claims?.release(full.path)
    closeSync(file.fd)
    this.#newEntries = next.newEntries
    this.#file = next
    return next
  }

  #deleteOldest(): void {
    const full = this.#files.filter(({ number }) => number !== undefined)
    for (const { path, inode } of full.slice(0, Math.max(0, full.length - this.#rotation.keep))) {
      if (inodeAt(path) === inode) unlinkSync(path)
    }
  }

  /** Opens what the path leads to, and sees to it that nobody else writes it. */
  #take(): OwnFile {
    const file = openOrCreate(this.#path)
    try {
      this.#context.claims?.claim(file.path)
      return file
    } catch (thrown) {
      closeSync(file.fd)
      if (file.newEntries.length > 0) unlinkSync(file.path)
      throw thrown
    }
  }

  get #current(): KeptFile {
    return this.#files.at(-1) as KeptFile
  }

  /** Keeps more of what the file begins with, so that it is known by that too; where there is room. */
  #tellMore(file: OwnFile): void {
    const { memo } = this.#context
    if (memo === undefined || !couldTellMore(this.#current.head, this.#size)) return
    const head = headOf(file.fd, this.#size)
    this.#files = [...this.#files.slice(0, -1), { ...this.#current, head }]
    try {
      memo.keep(this.#files)
    } catch {
      // The directory's disk is full: its number in the file system has to do until the next opening.
    }
  }

  async #sync(fd: number): Promise<void> {
    try {
      await promisify(fdatasync)(fd)
      for (const directory of this.#newEntries) await syncDirectory(directory)
      this.#newEntries = []
    } catch (thrown) {
      this.#lost = sinkError(this.#path, 'sync', thrown)
      throw this.#lost
    }
  }

  #cutTornEnd(): void {
    if (this.#tornEnd === 0) return
    const { fd, path } = this.#open()
    if (fstatSync(fd).size > this.#tornEnd) {
      throw new SemelError(
        'SEMEL_SINK_FOREIGN',
        `${path}: a write failed at byte ${this.#size}, and others have written behind it; move what is behind byte ${this.#tornEnd} elsewhere and cut the file there, then it goes on`,
      )
    }
    ftruncateSync(fd, this.#size)
    this.#tornEnd = 0
  }

  #open(): OwnFile {
    if (this.#lost !== undefined) throw this.#lost
    if (this.#file === undefined) throw new ClosedError(`the sink file(${this.#path}) is closed`)
    return this.#file
  }
}
