import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { inspectDirectory } from '../../src/directory.js'
import { Workspace } from './verbs.js'

/** A directory that damage is done to. */
export class Damaged extends Workspace {
  /** Messages 1 … 40 done, 41 … 100 stored, and kill -9. */
  async killedInFlight(): Promise<void> {
    this.module('m.mjs', hanging)
    this.numbers('in.ndjson', 100)
    const running = this.start(['run', 'm.mjs', ...options])
    await running.says('hangs')
    while (inspectDirectory(join(this.folder, 'data')).shards[0]?.through !== 40) await pause(5)
    running.child.kill('SIGKILL')
    await running.ended
  }

  /** Runs to its end, however the directory was left. */
  async runOn(source = 'in.ndjson'): Promise<void> {
    this.module('m.mjs', hanging.replace('message.id >= 40', 'false'))
    const ended = await this.semel('run', 'm.mjs', ...options.with(1, source))
    if (ended.code !== 0) throw new Error(ended.stderr)
  }

  get outputs(): number[] {
    return this.lines('out.ndjson').map((line) => (JSON.parse(line) as { id: number }).id)
  }

  flip(name: string, offset: number): void {
    const bytes = this.bytes(name)
    bytes[offset] = (bytes[offset] as number) ^ 0x55
    writeFileSync(join(this.folder, name), bytes)
  }

  bytes(name: string): Buffer {
    return readFileSync(join(this.folder, name))
  }

  /** Where the frame of a message begins in a journal of one lap. */
  frame(name: string, sequence: number): number {
    const bytes = this.bytes(name)
    for (let at = 4096; ; at += (bytes.readUInt32LE(at) + 7) & ~7) {
      const isMessage = (bytes.readUInt32LE(at + 16) & 15) < 3
      if (isMessage && bytes.readBigUInt64LE(at + 8) === BigInt(sequence)) return at
    }
  }

  names(folder: string): string[] {
    return readdirSync(join(this.folder, folder)).toSorted()
  }
}

const options = '--source in.ndjson --dir data --workers 0 --durability process'.split(' ')

const hanging = `pipeline('orders').accepts()
  .deliver('exactly-once', { id: (message) => message.id, window: '1h' })
  .map(async (message) => {
    if (message.id >= 40) {
      console.error('hangs')
      await new Promise(() => setTimeout(() => {}, 60_000))
    }
    return message
  })
  .retry({ attempts: 1 })
  .to(file('out.ndjson'))`
