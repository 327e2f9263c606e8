import { statSync } from 'node:fs'
import { SemelError } from '../../core/errors.js'
import type { FileClaims } from '../../core/sink.js'
import { addon } from '../../native/addon.js'
import { refuseOwnFile } from '../directory/own-files.js'

/**
 * The files that the sinks of a shard write, each by one of them. The core's locks keep other shards,
 * streams and processes off, and are the shard's: a worker that takes it over has them already.
 */
export class SinkFiles {
  readonly #handle: number
  readonly #shard: number
  /** The stream's; empty where it keeps nothing. */
  readonly #directory: string
  /** By a file's numbers, whose it is. */
  readonly #owners = new Map<string, FileClaims>()

  constructor(handle: number, shard: number, directory: string) {
    this.#handle = handle
    this.#shard = shard
    this.#directory = directory
  }

  /** For one more sink. */
  claims(): FileClaims {
    const own: FileClaims = {
      claim: (path) => {
        refuseOwnFile(path, this.#directory)
        if (own.isOfAnother(path)) {
          throw new SemelError(
            'SEMEL_LOCKED',
            `${path} is written by another sink of this stream; give each sink a file of its own`,
          )
        }
        addon().lockFile(this.#handle, this.#shard, path)
        this.#owners.set(numbersOf(path) as string, own)
      },
      release: (path) => {
        if (own.isOfAnother(path)) return
        addon().unlockFile(this.#handle, this.#shard, path)
        const numbers = numbersOf(path)
        if (numbers !== undefined) this.#owners.delete(numbers)
      },
      isOfAnother: (path) => {
        const numbers = numbersOf(path)
        const owner = numbers === undefined ? undefined : this.#owners.get(numbers)
        return owner !== undefined && owner !== own
      },
    }
    return own
  }
}

/** Of the device and the file on it; undefined where nothing is there. */
function numbersOf(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`
}
