import { createHash } from 'node:crypto'
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import type { DirectoryReport } from 'semel/directory'
import { sinkFiles, wholeLines } from './effects.js'
import type { Finding } from './finding.js'
import type { Setting } from './setting.js'

interface Prefix {
  place: number
  readonly hash: ReturnType<typeof createHash>
}

/**
 * A reader of committed data: of each shard's file what lies before the place in its ack log. It reads
 * after every kill, while nothing runs: what it has seen must stay, byte for byte, and at each reading
 * the transfers add up to nothing and no message is there twice.
 */
export class CommittedReader {
  readonly #setting: Setting
  readonly #files: readonly string[]
  readonly #prefixes: readonly Prefix[]
  readonly #seen = new Set<string>()

  constructor(setting: Setting, path: string) {
    this.#setting = setting
    this.#files = setting.sink === 'rewindable' ? sinkFiles(path, setting) : []
    this.#prefixes = this.#files.map(() => ({ place: 0, hash: createHash('md5') }))
  }

  /** Reads on to where the shards have committed. */
  read({ shards }: Pick<DirectoryReport, 'shards'>): Finding[] {
    return this.#prefixes.flatMap((prefix, shard) => {
      const place = shards[shard]?.sinkPlace
      if (place === undefined) return []
      const file = this.#files[shard] as string
      if (place < prefix.place) {
        return [finding(`shard ${shard} had committed ${prefix.place} bytes, and now ${place}`)]
      }
      const bytes = readRange(file, prefix.place, place)
      if (bytes.length < place - prefix.place) {
        return [finding(`${file} is shorter than the ${place} bytes that were committed to it`)]
      }
      prefix.hash.update(bytes)
      prefix.place = place
      return this.#check(shard, bytes)
    })
  }

  /** Whether all that was ever committed is still there. */
  end(): Finding[] {
    return this.#prefixes.flatMap(({ place, hash }, shard) => {
      const file = this.#files[shard] as string
      const now = createHash('md5')
        .update(readRange(file, 0, place))
        .digest('hex')
      return now === hash.digest('hex')
        ? []
        : [finding(`the first ${place} bytes of ${file} were committed, and have changed`)]
    })
  }

  #check(shard: number, bytes: Buffer): Finding[] {
    if (bytes.length > 0 && bytes.at(-1) !== 10) {
      return [finding(`what shard ${shard} has committed ends inside of a line`)]
    }
    const outputs = wholeLines(bytes.toString('latin1').split('\n'))
    const found: Finding[] = []
    if (this.#setting.delivery === 'exactly-once') {
      for (const { id, part } of outputs) {
        const name = `${id}/${part}`
        if (this.#seen.has(name)) {
          found.push({ check: 'twice', id, text: `message ${id} is twice in what was committed` })
        }
        this.#seen.add(name)
      }
    }
    const sum = outputs.reduce((total, { amount }) => total + amount, 0)
    if (sum !== 0) {
      found.push({
        check: 'sum',
        text: `the transfers that shard ${shard} committed sum to ${sum}`,
      })
    }
    return found
  }
}

function finding(text: string): Finding {
  return { check: 'committed', text }
}

function readRange(file: string, from: number, to: number): Buffer {
  if (!existsSync(file)) return Buffer.alloc(0)
  const fd = openSync(file, 'r')
  try {
    const end = Math.min(to, fstatSync(fd).size)
    const bytes = Buffer.alloc(Math.max(0, end - from))
    readSync(fd, bytes, 0, bytes.length, from)
    return bytes
  } finally {
    closeSync(fd)
  }
}
