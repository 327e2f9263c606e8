import { closeSync, fdatasync, fstatSync, ftruncateSync, mkdirSync, openSync } from 'node:fs'
import { dirname, parse, resolve } from 'node:path'
import { promisify } from 'node:util'
import { ClosedError, InvalidArgumentError, SemelError } from '../../core/errors.js'
import { checkOptions, shown } from '../../core/options.js'
import type { Sink, SinkConnection, SinkContext } from '../../core/sink.js'
import { syncDirectory, writeAt } from './disk.js'
import { sinkError } from './errors.js'
import { JsonLines } from './json-lines.js'
import { wholeLinesBytes } from './whole-lines.js'

export interface FileOptions {
  /**
   * How outputs are written: one JSON value a line, strings too.
   * @default 'ndjson'
   */
  format?: 'ndjson'
}

/**
 * A sink that appends to a file, one JSON value a line. With one shard it is exactly this path; with
 * several each shard has its own, `-0`, `-1` … before the extension. A relative path starts from the
 * current directory at the time of opening; missing directories are made.
 *
 * Rewindable: its place is the file's length in bytes, and after a crash the file is cut back to the
 * committed one. A file that was there before keeps its whole lines; outputs follow them.
 *
 * JSON decides what arrives: NaN is written as `null`, a Date as text. An output that JSON has no form
 * for (undefined, a function, a bigint, a circle) is rejected and ends as a dead letter.
 *
 * While the stream is open the file belongs to it: nothing else may write to it or replace it.
 *
 * @throws InvalidArgumentError for an empty path or an unknown option
 */
export function file(path: string, options?: FileOptions): Sink<unknown, 'rewindable'> {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new InvalidArgumentError(`file: ${shown(path)} is not a path; give the file to write to`)
  }
  const { format = 'ndjson' } = checkOptions<FileOptions>(options, 'file', ['format'])
  if (format !== 'ndjson') {
    throw new InvalidArgumentError(`file.format: there is no ${shown(format)}; there is 'ndjson'`)
  }
  return Object.freeze({
    name: `file(${path})`,
    kind: 'rewindable' as const,
    connect: (context: SinkContext) =>
      new FileConnection(fileSinkPath(path, context.shard, context.shards)),
  })
}

/**
 * The absolute path of the file that a shard of a `file` sink writes to, from the current directory:
 * `fileSinkPath('bars.ndjson', 1, 4)` → `/…/bars-1.ndjson`.
 */
export function fileSinkPath(path: string, shard: number, shards: number): string {
  if (shards === 1) return resolve(path)
  const { dir, name, ext } = parse(path)
  return resolve(dir, `${name}-${shard}${ext}`)
}

/**
 * One shard's file. Bytes up to `#length` are written; what lies behind is left over from a failed
 * write and is cut off before the next one. Writes name their place in the file, so that a repeated
 * one can't come twice.
 */
class FileConnection implements SinkConnection<unknown> {
  readonly #path: string
  readonly #lines = new JsonLines()
  #fd: number | undefined
  #length: number
  /** Whether a failed write may have left bytes behind `#length`. */
  #torn = false
  #dirty = true
  /** The directories whose entries are new: synced once, with the first flush. */
  #newEntries: readonly string[]
  #flushing: Promise<void> | undefined
  /** A failed sync: the system has dropped the pages, and the next sync would claim success. */
  #lost: SemelError | undefined

  constructor(path: string) {
    this.#path = path
    try {
      const { fd, newEntries } = openOrCreate(path)
      this.#fd = fd
      this.#newEntries = newEntries
      const stats = fstatSync(fd)
      if (!stats.isFile()) {
        closeSync(fd)
        throw new SemelError('SEMEL_SINK', `${path} is not a regular file; name one for the sink`)
      }
      this.#length = stats.size
    } catch (thrown) {
      throw sinkError(path, 'open', thrown)
    }
  }

  rewind(place: number | undefined): void {
    const fd = this.#open()
    try {
      const found = fstatSync(fd).size
      if (place === undefined) {
        this.#length = wholeLinesBytes(fd, found, this.#path)
      } else if (found < place) {
        throw new SemelError(
          'SEMEL_SINK_BEHIND',
          `${this.#path} has ${found} bytes, but ${place} were committed to it; put the file back as ` +
            `it was, or open the stream with another directory to begin anew`,
        )
      } else {
        this.#length = place
      }
      if (found > this.#length) ftruncateSync(fd, this.#length)
      this.#torn = false
      this.#dirty = true
    } catch (thrown) {
      throw sinkError(this.#path, 'cut back', thrown)
    }
  }

  place(): number {
    return this.#length
  }

  write(outputs: readonly unknown[]): void {
    const fd = this.#open()
    if (outputs.length === 0) return
    const bytes = this.#lines.encode(outputs)
    try {
      if (this.#torn) this.#cutTornEnd(fd)
      this.#torn = true
      writeAt(fd, bytes, this.#length)
      this.#torn = false
    } catch (thrown) {
      // Cut at once, for whoever reads the file meanwhile; where that fails too, the next write does.
      try {
        this.#cutTornEnd(fd)
      } catch {}
      throw sinkError(this.#path, 'write', thrown)
    }
    this.#length += bytes.length
    this.#dirty = true
  }

  async flush(): Promise<void> {
    const fd = this.#open()
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
    const fd = this.#fd
    if (fd === undefined) return
    this.#fd = undefined
    // Closed under a running sync, the number could name another file by then.
    await this.#flushing?.catch(() => {})
    closeSync(fd)
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

  #cutTornEnd(fd: number): void {
    ftruncateSync(fd, this.#length)
    this.#torn = false
  }

  #open(): number {
    if (this.#lost !== undefined) throw this.#lost
    if (this.#fd === undefined) throw new ClosedError(`the sink file(${this.#path}) is closed`)
    return this.#fd
  }
}

function openOrCreate(path: string): { fd: number; newEntries: string[] } {
  const parent = dirname(path)
  const made = mkdirSync(parent, { recursive: true })
  try {
    const fd = openSync(path, 'wx+')
    const newEntries = [parent]
    if (made !== undefined) {
      const top = dirname(made)
      for (let at = parent; at !== top; at = dirname(at)) newEntries.push(dirname(at))
    }
    return { fd, newEntries }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
    return { fd: openSync(path, 'r+'), newEntries: [] }
  }
}
