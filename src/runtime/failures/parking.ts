import type { Key } from '../../core/message.js'
import type { Unkeyed } from '../message/readers.js'
import { Delayed } from './delayed.js'

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

/** Where a parked message comes in the order of its key. */
interface Turn {
  /** It comes behind the message of this sequence: its own, or the last one taken before it was due. */
  readonly after: number
  /** Of those that were due later than they were taken, behind the same message; 0: of others. */
  readonly turn: number
}

interface Waiting extends ParkedMessage, Turn {}

/**
 * The parked messages of a shard, a line for each key. They are tried from the front, when
 * they are due, and a failure stops those behind it; every new message of that key joins the line (I6).
 *
 * One that was sent for later has no turn in the order of its key before it is due: it waits beside the
 * lines, and then comes behind what the shard has taken by then.
 */
export class Parking {
  readonly #lines = new Map<Key, Waiting[]>()
  /** Messages without a key, each a line of its own. */
  readonly #loose = new Map<number, ParkedMessage>()
  /** Those of them that are being tried: they keep their turns until they have an outcome. */
  readonly #trying = new Set<number>()
  readonly #delayed = new Delayed<ParkedMessage>()
  /** The turns of those that were delayed and have not ended: one that fails comes back to its own. */
  readonly #joined = new Map<number, Turn & { readonly key: Key }>()
  #turns = 0

  /** Whether nothing is parked but what was sent for later. */
  get isEmpty(): boolean {
    return this.#lines.size === 0 && this.#loose.size === 0
  }

  /** How many more may be tried now. */
  roomToTry(concurrency: number): number {
    return Math.min(retriesMax, Math.max(retriesMin, concurrency)) - this.#trying.size
  }

  /** Whether a message of the key is parked whose turn is before that of this sequence. */
  isBlocked(key: Key | undefined, sequence: number): boolean {
    const first = key === undefined ? undefined : this.#lines.get(key)?.[0]
    if (first === undefined) return false
    const own = this.#joined.get(sequence)
    return own === undefined ? first.after < sequence : compared(first, own) < 0
  }

  /** Whether the turn of a message that is being tried has come: no earlier one of its key waits. */
  isItsTurn(key: Key | undefined, sequence: number): boolean {
    const line = key === undefined ? undefined : this.#lines.get(key)
    const first = line?.find((one) => one.sequence === sequence || !this.#trying.has(one.sequence))
    return first === undefined || first.sequence === sequence
  }

  /** Parks a message; in its line it comes behind the earlier ones. */
  add(message: ParkedMessage): void {
    const { key, sequence } = message
    if (key === undefined) {
      this.#loose.set(sequence, message)
      return
    }
    const waiting = { ...message, ...this.#turnOf(sequence) }
    const line = this.#lines.get(key)
    if (line === undefined) {
      this.#lines.set(key, [waiting])
      return
    }
    let at = line.length
    while (at > 0 && compared(waiting, line[at - 1] as Waiting) < 0) at -= 1
    line.splice(at, 0, waiting)
  }

  /** Sorts messages by their turns. */
  inTurn(sequence: number, other: number): number {
    return compared(this.#turnOf(sequence), this.#turnOf(other))
  }

  #turnOf(sequence: number): Turn {
    return this.#joined.get(sequence) ?? { after: sequence, turn: 0 }
  }

  /** Parks a message that was sent for later. */
  delay(message: ParkedMessage): void {
    this.#delayed.add(message)
  }

  /**
   * Those that were sent for later and are due take their turns.
   * @param takenAt the last sequence that the shard had taken at the time when one was due
   */
  join(nowMs: number, takenAt: (dueMs: number) => number): void {
    for (;;) {
      const message = this.#delayed.takeDue(nowMs)
      if (message === undefined) return
      const { key, sequence, dueMs } = message
      if (key !== undefined) {
        const after = takenAt(dueMs)
        this.#joined.set(sequence, { key, after, turn: (this.#turns += 1) })
      }
      this.add(message)
    }
  }

  /** What these have come to is committed: those that are not parked anew have ended. */
  committed(sequences: Pick<ReadonlySet<number>, 'has'>): void {
    for (const [sequence, { key }] of this.#joined) {
      if (!sequences.has(sequence)) continue
      const line = this.#lines.get(key)
      if (line?.some((one) => one.sequence === sequence) !== true) this.#joined.delete(sequence)
    }
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
      this.#loose.delete(sequence)
      return
    }
    const line = this.#lines.get(key)
    const at = line?.findIndex((message) => message.sequence === sequence) ?? -1
    if (line === undefined || at < 0) return
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
    let next = this.#delayed.nextDueMs
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

function compared(one: Turn, other: Turn): number {
  return one.after - other.after || one.turn - other.turn
}
