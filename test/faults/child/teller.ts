import { writeSync } from 'node:fs'
import { SemelError, type Counters, type End, type Stored } from 'semel'
import { tallies, type Word } from '../job.js'

/** Codes with which a message is refused and leaves no trace; with any other its fate is unknown. */
const refusals = new Set(['SEMEL_TOO_LARGE', 'SEMEL_INVALID_ARGUMENT'])

/**
 * Tells the parent what happens, by lines in a pipe: what was written to it is there after a kill.
 * Receipts are told together at the end of a turn; one that a kill leaves untold counts as unknown.
 */
export class Teller {
  /** Copies that have been told of. */
  copies = 0
  #receipts: string[] = []

  tell(word: Word, text = ''): void {
    const line = Buffer.from(`${word} ${text}\n`)
    for (let at = 0; at < line.length;) at += writeSome(line, at)
  }

  counters(word: 'opened' | 'counters' | 'closed' | 'reopened', shards: readonly Counters[]): void {
    this.tell(word, JSON.stringify(shards.map((shard) => tallies.map((name) => shard[name]))))
  }

  /** The copy's number, told before it is sent. */
  sending(ids: readonly number[]): number {
    this.tell('send', ids.join(' '))
    const first = this.copies
    this.copies += ids.length
    return first
  }

  /** A receipt, or in a mode that waits longer the message's end. */
  received(copy: number, told: Stored & { readonly outcome: unknown }): void {
    if (this.#receipts.length === 0) setImmediate(() => this.flush())
    const { shard, sequence, outcome } = told as End
    const end = typeof outcome === 'string' ? `:${outcome}` : ''
    this.#receipts.push(`${copy}:${shard}:${sequence}${end}`)
  }

  refused(copy: number, error: unknown): void {
    if (error instanceof SemelError && refusals.has(error.code)) {
      this.tell('fail', `${copy} ${error.code}`)
    }
  }

  flush(): void {
    if (this.#receipts.length === 0) return
    this.tell('ok', this.#receipts.join(' '))
    this.#receipts = []
  }
}

/** How many bytes the pipe has taken. It does not block, and its reader may be busy with another case. */
function writeSome(line: Buffer, from: number): number {
  try {
    return writeSync(1, line, from)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    Atomics.wait(idle, 0, 0, 1)
    return 0
  }
}

const idle = new Int32Array(new SharedArrayBuffer(4))
