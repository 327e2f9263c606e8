import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { SinkMemo, WriteSpan } from '../../core/sink.js'
import { addon } from '../../native/addon.js'

const spanBytes = 48

/**
 * What a shard's sink has the directory keep: a box for what seldom changes, and the span of its last
 * write in a file that is overwritten in place (native/shard/FORMAT.md).
 *
 * A span outlives its process, since it is in the system's hands before the write that it announces. A
 * power loss may bring an older one back, so one from before the machine's last start is relied on only
 * where its connection sealed it and all up to it was committed.
 */
export class DirectoryMemo implements SinkMemo {
  readonly #handle: number
  readonly #shard: number
  readonly #sink: number
  readonly #path: string
  readonly #bytes = Buffer.alloc(spanBytes)
  #fd: number | undefined
  #hasAnnounced = false

  /** @param sink its number in the directory */
  constructor(handle: number, shard: number, directory: string, sink: number) {
    this.#handle = handle
    this.#shard = shard
    this.#sink = sink
    this.#path = join(directory, `sink-${shard}${sink === 0 ? '' : `.${sink}`}.span`)
  }

  read(): unknown {
    return this.#all()[this.#sink] ?? undefined
  }

  /** By sink, null where one keeps nothing. */
  #all(): unknown[] {
    const bytes = addon().getFile(this.#handle, `sink-${this.#shard}`)
    return bytes.length === 0 ? [] : (JSON.parse(bytes.toString()) as unknown[])
  }

  keep(value: unknown): void {
    const all = this.#all()
    while (all.length < this.#sink) all.push(null)
    all[this.#sink] = value
    addon().putFile(this.#handle, `sink-${this.#shard}`, Buffer.from(JSON.stringify(all)))
  }

  announced(place: number): WriteSpan | undefined {
    const bytes = Buffer.alloc(spanBytes)
    if (readSync(this.#open(), bytes, 0, spanBytes, 0) < spanBytes) return undefined
    const span = {
      own: bytes.readDoubleLE(40),
      from: bytes.readDoubleLE(0),
      to: bytes.readDoubleLE(8),
      check: bytes.readUInt32LE(36),
    }
    const isOfThisStart = bytes.subarray(16, 32).equals(startOfMachine())
    if (isOfThisStart) return span
    return bytes[32] === 1 && place >= span.to ? span : undefined
  }

  announce({ own, from, to, check }: WriteSpan): void {
    const bytes = this.#bytes
    bytes.writeDoubleLE(from, 0)
    bytes.writeDoubleLE(to, 8)
    startOfMachine().copy(bytes, 16)
    bytes[32] = 0
    bytes.writeUInt32LE(check, 36)
    bytes.writeDoubleLE(own, 40)
    this.#write()
    if (this.#hasAnnounced) return
    // Else a power loss could bring back what an earlier connection had sealed.
    fdatasyncSync(this.#open())
    this.#hasAnnounced = true
  }

  seal(): void {
    if (!this.#hasAnnounced) return
    this.#bytes[32] = 1
    this.#write()
    fdatasyncSync(this.#open())
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #write(): void {
    writeSync(this.#open(), this.#bytes, 0, spanBytes, 0)
  }

  #open(): number {
    this.#fd ??= openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600)
    return this.#fd
  }
}

/** Undefined where the stream has no directory. */
export function shardMemo(
  handle: number,
  shard: number,
  directory: string,
  sink: number,
): DirectoryMemo | undefined {
  return directory === '' ? undefined : new DirectoryMemo(handle, shard, directory, sink)
}

let machine: Buffer | undefined

/** Differs from start to start of the machine; where it has none to tell, from process to process. */
function startOfMachine(): Buffer {
  if (machine !== undefined) return machine
  const path = '/proc/sys/kernel/random/boot_id'
  const text = existsSync(path) ? readFileSync(path, 'utf8').replaceAll('-', '').trim() : ''
  machine = Buffer.alloc(16)
  if (machine.write(text, 'hex') !== 16) machine.writeDoubleLE(Date.now(), 0)
  return machine
}
