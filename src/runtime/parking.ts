import type { Key } from '../core/message.js'

/** A parked message as the loop knows it; its payload stays with the native core. */
export interface ParkedMessage {
  readonly sequence: number
  /** Undefined where nothing must stay in order. */
  readonly key: Key | undefined
  /** Made so far; 0 for one that only waits behind another of its key. */
  readonly attempts: number
  readonly dueMs: number
  readonly history: string
}

/**
 * The parked messages of a shard, a line for each key. The first in line is tried when it is due; the
 * others wait behind it, and so does every new message of that key (I6).
 */
export class Parking {
  readonly #lines = new Map<Key, ParkedMessage[]>()
  /** Messages without a key, each a line of its own. */
  readonly #loose = new Map<number, ParkedMessage>()
  #size = 0

  get isEmpty(): boolean {
    return this.#size === 0
  }

  get size(): number {
    return this.#size
  }

  isBlocked(key: Key | undefined): boolean {
    return key !== undefined && this.#lines.has(key)
  }

  /** Whether an earlier message of the key is parked. */
  isBlockedBefore(key: Key | undefined, sequence: number): boolean {
    const head = key === undefined ? undefined : this.#lines.get(key)?.[0]
    return head !== undefined && head.sequence < sequence
  }

  /** Parks a message; in its line it comes behind the earlier sequences. */
  add(message: ParkedMessage): void {
    this.#size += 1
    if (message.key === undefined) {
      this.#loose.set(message.sequence, message)
      return
    }
    const line = this.#lines.get(message.key)
    if (line === undefined) {
      this.#lines.set(message.key, [message])
      return
    }
    let at = line.length
    while (at > 0 && (line[at - 1] as ParkedMessage).sequence > message.sequence) at -= 1
    line.splice(at, 0, message)
  }

  remove(message: ParkedMessage): void {
    this.#size -= 1
    if (message.key === undefined) {
      this.#loose.delete(message.sequence)
      return
    }
    const line = this.#lines.get(message.key)
    if (line === undefined) return
    line.splice(
      line.findIndex(({ sequence }) => sequence === message.sequence),
      1,
    )
    if (line.length === 0) this.#lines.delete(message.key)
  }

  /** The first in each line that is due, and committed as parked (sequence ≤ `through`). */
  due(nowMs: number, through: number, most: number): ParkedMessage[] {
    const found: ParkedMessage[] = []
    for (const head of this.#heads()) {
      if (head.dueMs <= nowMs && head.sequence <= through) found.push(head)
      if (found.length === most) break
    }
    return found.toSorted((a, b) => a.sequence - b.sequence)
  }

  /** When the next one is due; Infinity where none is parked. */
  nextDueMs(): number {
    let next = Infinity
    for (const head of this.#heads()) next = Math.min(next, head.dueMs)
    return next
  }

  *#heads(): Iterable<ParkedMessage> {
    for (const line of this.#lines.values()) yield line[0] as ParkedMessage
    yield* this.#loose.values()
  }
}
