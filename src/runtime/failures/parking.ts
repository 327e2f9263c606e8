import type { Key } from '../../core/message.js'
import type { Unkeyed } from '../message/readers.js'

/** A parked message as the loop knows it; its payload stays with the native core. */
export interface ParkedMessage {
  readonly sequence: number
  /** Undefined where nothing must stay in order. */
  readonly key: Key | undefined
  /** Why it has no key, although it should: its next attempt is its last. */
  readonly unkeyed: Unkeyed | undefined
  /** Made so far; 0 for one that only waits behind another of its key. */
  readonly attempts: number
  /** By the stream's clock. */
  readonly dueMs: number
  readonly history: string
}

/** Parked messages that are tried again at once: these, or `concurrency` where that is more. */
const retriesMin = 64
/** What their senders are told together fits the smallest ring. */
const retriesMax = 2048

/**
 * The parked messages of a shard, a line for each key. They are tried from the front, when
 * they are due, and a failure stops those behind it; every new message of that key joins the line (I6).
 */
export class Parking {
  readonly #lines = new Map<Key, ParkedMessage[]>()
  /** Messages without a key, each a line of its own. */
  readonly #loose = new Map<number, ParkedMessage>()
  /** Those of them that are being tried: they keep their places until they have an outcome. */
  readonly #trying = new Set<number>()
  #size = 0

  get isEmpty(): boolean {
    return this.#size === 0
  }

  get size(): number {
    return this.#size
  }

  /** How many more may be tried now. */
  roomToTry(concurrency: number): number {
    return Math.min(retriesMax, Math.max(retriesMin, concurrency)) - this.#trying.size
  }

  isBlocked(key: Key | undefined): boolean {
    return key !== undefined && this.#lines.has(key)
  }

  /** Whether an earlier message of the key is parked. */
  isBlockedBefore(key: Key | undefined, sequence: number): boolean {
    const first = key === undefined ? undefined : this.#lines.get(key)?.[0]
    return first !== undefined && first.sequence < sequence
  }

  /** Whether the turn of a message that is being tried has come: no earlier one of its key waits. */
  isItsTurn(key: Key | undefined, sequence: number): boolean {
    const line = key === undefined ? undefined : this.#lines.get(key)
    const first = line?.find((message) => !this.#trying.has(message.sequence))
    return first === undefined || first.sequence > sequence
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

  /** It is being tried. */
  begin(sequence: number): void {
    this.#trying.add(sequence)
  }

  /** It was not tried after all, and waits in its place as before. */
  putBack(sequence: number): void {
    this.#trying.delete(sequence)
  }

  remove(sequence: number, key: Key | undefined): void {
    this.#trying.delete(sequence)
    if (key === undefined) {
      if (this.#loose.delete(sequence)) this.#size -= 1
      return
    }
    const line = this.#lines.get(key)
    const at = line?.findIndex((message) => message.sequence === sequence) ?? -1
    if (line === undefined || at < 0) return
    this.#size -= 1
    line.splice(at, 1)
    if (line.length === 0) this.#lines.delete(key)
  }

  /** Whether it is the next of its line to be tried. */
  isFirst({ key, sequence }: ParkedMessage): boolean {
    if (key === undefined) return true
    const first = this.#lines.get(key)?.find((message) => !this.#trying.has(message.sequence))
    return first?.sequence === sequence
  }

  /**
   * Those whose turn it is, in order: in each line from the front as far as they are due and committed
   * as parked, `uncommitted` being the others. Nothing passes one that has to be tried `alone`.
   */
  due(
    nowMs: number,
    uncommitted: Pick<ReadonlySet<number>, 'has'>,
    most: number,
    alone: Pick<ReadonlySet<number>, 'has'>,
  ): ParkedMessage[] {
    const found: ParkedMessage[] = []
    for (const line of this.#everyLine()) {
      for (const message of line) {
        if (found.length === most) return found
        if (this.#trying.has(message.sequence)) continue
        if (message.dueMs > nowMs || uncommitted.has(message.sequence)) break
        if (alone.has(message.sequence)) break
        found.push(message)
      }
    }
    return found
  }

  /** When the next one is due; Infinity where none is parked. */
  nextDueMs(): number {
    let next = Infinity
    for (const line of this.#everyLine()) {
      const first = line.find((message) => !this.#trying.has(message.sequence))
      if (first !== undefined) next = Math.min(next, first.dueMs)
    }
    return next
  }

  *#everyLine(): Iterable<readonly ParkedMessage[]> {
    yield* this.#lines.values()
    for (const message of this.#loose.values()) yield [message]
  }
}
