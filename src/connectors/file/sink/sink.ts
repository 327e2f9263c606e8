import { join, parse, resolve } from 'node:path'
import { InvalidArgumentError } from '../../../core/errors.js'
import { checkOptions, shown } from '../../../core/options.js'
import type { Sink, SinkContext } from '../../../core/sink.js'
import { FileConnection } from './connection.js'
import { checkRotation, type RotateOptions } from './rotation.js'

export interface FileOptions {
  /**
   * How outputs are written: one JSON value a line, strings too.
   * @default 'ndjson'
   */
  format?: 'ndjson'
  /**
   * When the file is put aside, full, and another one is begun at its path: by size, by age, or both. Full
   * files get numbers before their extension, `bars.000001.ndjson` and so on: read in the order of their
   * names, and the one without a number last, they hold all outputs. What was committed stays exact
   * across them. A full file may be moved or deleted once the stream has gone on.
   * @default one file for ever
   */
  rotate?: RotateOptions
}

/**
 * A sink that appends to a file, one JSON value a line. With one shard it is exactly this path; with
 * several each shard has its own, `-0`, `-1` … before the extension. A relative path starts from the
 * current directory at the time of opening; missing directories are made; links are followed.
 *
 * Rewindable: its place is a count of bytes, and after a crash the outputs behind the committed one are
 * cut off. Nothing else ever is: what was in the file before, or has been appended by others since,
 * stays, and outputs follow it on a line of their own.
 *
 * The directory keeps whose place it is: the file's path, its number in the file system (inode) and a
 * hash of its first bytes. Where the file was moved within its directory, as logrotate does, the outputs
 * go on in a new one at the path, while the stream is open too; where the definition has another path,
 * behind what is there.
 *
 * While the stream is open the file is locked against other streams, sinks and shards, whatever name
 * they reach it by; programs that ask for no lock may append whole lines between two writes.
 *
 * JSON decides what arrives: NaN is written as `null`, a Date as text. An output that JSON has no form
 * for (undefined, a function, a bigint, a circle) is rejected and ends as a dead letter.
 *
 * @throws InvalidArgumentError for an empty path or an unknown option. When it is opened: SemelError
 * `SEMEL_LOCKED` where another stream writes the file, `SEMEL_SINK_BEHIND` where what was committed can't
 * be found, `SEMEL_SINK_FOREIGN` where outputs that have to be cut off lie in front of what others wrote,
 * `SEMEL_SINK` where it is not a regular file of text
 * @example file('bars.ndjson', { rotate: { size: '100MiB', keep: 30 } })
 */
export function file(path: string, options?: FileOptions): Sink<unknown, 'rewindable'> {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new InvalidArgumentError(`file: ${shown(path)} is not a path; give the file to write to`)
  }
  const { format = 'ndjson', rotate } = checkOptions<FileOptions>(options, 'file', [
    'format',
    'rotate',
  ])
  if (format !== 'ndjson') {
    throw new InvalidArgumentError(`file.format: there is no ${shown(format)}; there is 'ndjson'`)
  }
  const rotation = checkRotation(rotate)
  return Object.freeze({
    name: `file(${path})`,
    kind: 'rewindable' as const,
    connect: (context: SinkContext) => {
      const { shard, shards, base = '' } = context
      return new FileConnection(resolve(base, shardPath(path, shard, shards)), context, rotation)
    },
  })
}

/**
 * The absolute path of the file that a shard of a `file` sink writes to, from the current directory:
 * `fileSinkPath('bars.ndjson', 1, 4)` → `/…/bars-1.ndjson`.
 * @example const bars = readFileSync(fileSinkPath('bars.ndjson', 1, 4), 'utf8')
 */
export function fileSinkPath(path: string, shard: number, shards: number): string {
  return resolve(shardPath(path, shard, shards))
}

function shardPath(path: string, shard: number, shards: number): string {
  if (shards === 1) return path
  const { dir, name, ext } = parse(path)
  return join(dir, `${name}-${shard}${ext}`)
}
