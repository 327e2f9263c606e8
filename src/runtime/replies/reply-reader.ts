import type { Awaited } from '../../acknowledge/awaited.js'
import { Reader } from '../../codec/reader.js'
import type { Told } from '../../acknowledge/ends.js'
import { SemelError } from '../../core/errors.js'
import type { Outcome } from '../../core/message.js'
import { addon, type NativeReplies } from '../../native/addon.js'
import { answerKinds, marks, ReplyRing, type Reply } from '../../native/replies.js'
import { outcomeNames, outcomes } from '../../native/slots.js'
import type { FailedAttempt } from '../../reliability/attempts.js'
import type { Settings } from '../settings/options.js'

/** Numbers for each shard that `progress` tells and asks (native/binding/replies.cc). */
const numbersPerShard = 5
const [unreadAt, readAt, storedAt, endedAt, answersAt] = [0, 1, 2, 3, 4]

const reader = new Reader()
const nothing: Told = Object.freeze({})

/**
 * Reads, on the sender's thread, what has become of messages that somebody waits for: first that they
 * are stored, then how they ended, each as durably as the level makes it.
 */
export class ReplyReader {
  readonly #handle: number
  readonly #shards: readonly ShardReplies[]
  readonly #firstShard: number
  readonly #numbers: Float64Array
  readonly #bytes: Uint8Array
  #count = 0
  #isTelling = false

  /** @param late is called where a sender had stopped waiting before its message ended */
  constructor(
    handle: number,
    { shards, firstShard }: Pick<Settings, 'shards' | 'firstShard'>,
    late: (awaited: Awaited, outcome: Outcome, told: Told) => void,
  ) {
    this.#handle = handle
    this.#firstShard = firstShard
    this.#shards = Array.from(
      { length: shards },
      (_, shard) => new ShardReplies(addon().replies(handle, shard), late),
    )
    this.#numbers = new Float64Array(shards * numbersPerShard)
    this.#bytes = new Uint8Array(this.#numbers.buffer)
  }

  /** Messages whose end is not known. */
  get count(): number {
    return this.#count
  }

  /** Whether nobody waits for anything. */
  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** Of the messages whose end is not known, how many are parked. */
  get parked(): number {
    let parked = 0
    for (const shard of this.#shards) parked += shard.parked
    return parked
  }

  /** The core has it; in a shard they come in the order of sequences. */
  expect(awaited: Awaited): void {
    this.#count += 1
    ;(this.#shards[awaited.shard - this.#firstShard] as ShardReplies).expect(awaited)
  }

  /** Tells all that can be told. */
  tellKnown(): void {
    // Who is told may send, and so ask again, from inside.
    if (this.#count === 0 || this.#isTelling) return
    this.#isTelling = true
    try {
      this.#tellKnown()
    } finally {
      this.#isTelling = false
    }
    let count = 0
    for (const shard of this.#shards) count += shard.count
    this.#count = count
  }

  /**
   * Tells the core what has been read, and is free for others: a message that is awaited may wait for
   * a mark, also where all those before it were awaited by nobody.
   */
  release(): void {
    this.#progress()
  }

  #progress(): boolean {
    const numbers = this.#numbers
    for (const [shard, replies] of this.#shards.entries()) {
      numbers[shard * numbersPerShard + unreadAt] = replies.firstUnread
      numbers[shard * numbersPerShard + readAt] = replies.read
    }
    try {
      addon().progress(this.#handle, this.#bytes)
    } catch {
      return false // the stream has failed, and will be told so
    }
    return true
  }

  #tellKnown(): void {
    if (!this.#progress()) return
    const numbers = this.#numbers
    for (const [shard, replies] of this.#shards.entries()) {
      const at = shard * numbersPerShard
      replies.tell(
        numbers[at + storedAt] as number,
        numbers[at + endedAt] as number,
        numbers[at + answersAt] as number,
      )
    }
  }

  fail(error: unknown): void {
    for (const shard of this.#shards) shard.fail(error)
    this.#count = 0
  }
}

/** When the front of a queue has been told of so many, its array is made anew. */
const toldMax = 4096

class ShardReplies {
  readonly #marks: Uint8Array
  readonly #mask: number
  readonly #ring: ReplyRing
  readonly #late: (awaited: Awaited, outcome: Outcome, told: Told) => void
  /** By sequence; those before `#stored` are stored, those before `#ended` have been read. */
  #queue: Awaited[] = []
  #stored = 0
  #ended = 0
  /** Their ends come as answers: they are parked, or a mark can't hold what there is to tell. */
  readonly #following = new Map<number, Awaited>()
  /** Bytes of answers that have been read. */
  read = 0

  constructor(
    { marks: memory, marksAt, capacity, answers }: NativeReplies,
    late: (awaited: Awaited, outcome: Outcome, told: Told) => void,
  ) {
    this.#marks = new Uint8Array(memory, marksAt, capacity)
    this.#mask = capacity - 1
    this.#ring = new ReplyRing(answers)
    this.#late = late
  }

  get count(): number {
    return this.#queue.length - this.#ended + this.#following.size
  }

  get parked(): number {
    return this.#following.size
  }

  /** The first message whose mark is still to be read; 0 where there is none. */
  get firstUnread(): number {
    return this.#ended < this.#queue.length ? (this.#queue[this.#ended] as Awaited).sequence : 0
  }

  expect(awaited: Awaited): void {
    this.#queue.push(awaited)
  }

  /** Who is told may fail the stream from inside, which empties the queue. */
  tell(stored: number, ended: number, answers: number): void {
    while (this.#stored < this.#queue.length) {
      const awaited = this.#queue[this.#stored] as Awaited
      if (awaited.sequence > stored) break
      this.#stored += 1
      if (!awaited.gaveUp) awaited.stored()
      if (awaited.isCopy) this.#end(awaited, outcomes.duplicate, nothing)
    }
    // What has been stored since is told with the next look.
    const through = Math.min(ended, stored)
    while (this.#ended < this.#queue.length) {
      const awaited = this.#queue[this.#ended] as Awaited
      if (awaited.sequence > through) break
      this.#ended += 1
      if (!awaited.isCopy && this.#readMark(awaited)) {
        // Its answer is the next one, but for those of messages that were parked: senders are told in order.
        this.#readAnswers(answers, through, awaited.sequence)
      }
    }
    if (this.#ended > toldMax && this.#ended * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#ended)
      this.#stored -= this.#ended
      this.#ended = 0
    }
    this.#readAnswers(answers, through)
  }

  fail(error: unknown): void {
    const waiting = [...this.#following.values(), ...this.#queue.slice(this.#ended)]
    this.#following.clear()
    this.#queue = []
    this.#stored = 0
    this.#ended = 0
    for (const awaited of waiting) if (!awaited.gaveUp) awaited.lost(error)
  }

  /** Whether there is an answer to it by now. */
  #readMark(awaited: Awaited): boolean {
    const mark = this.#marks[awaited.sequence & this.#mask] as number
    const outcome = mark & marks.outcome
    if (outcome === outcomes.parked) {
      this.#following.set(awaited.sequence, awaited)
      if (!awaited.gaveUp) awaited.parked()
      return false
    }
    if ((mark & marks.follows) !== 0) {
      this.#following.set(awaited.sequence, awaited)
      return true
    }
    this.#end(awaited, outcome, nothing)
    return false
  }

  /** @param last whose answer is the last to be read for now */
  #readAnswers(end: number, through: number, last?: number): void {
    while (this.read < end) {
      const reply = this.#ring.at(this.read)
      if (reply !== undefined) {
        if (reply.sequence > through) return
        const awaited = this.#following.get(reply.sequence)
        this.#following.delete(reply.sequence)
        if (awaited !== undefined)
          this.#end(awaited, reply.outcome, toldBy(reply, this.#ring.bytes))
      }
      this.read = this.#ring.behind(this.read)
      if (last !== undefined && reply?.sequence === last) return
    }
  }

  #end(awaited: Awaited, outcome: number, told: Told): void {
    const name = outcomeNames[outcome] as Outcome
    awaited.ended(name, told)
    if (awaited.gaveUp) this.#late(awaited, name, told)
  }
}

function toldBy(reply: Reply, bytes: Buffer): Told {
  const { kind, outcome, start, end } = reply
  const text = (): string => bytes.toString('utf8', start, end)
  switch (kind) {
    case answerKinds.none:
      return nothing
    case answerKinds.result:
      return { results: reader.of(bytes.subarray(start, end)) as unknown[] }
    case answerKinds.error:
      return { error: new SemelError('SEMEL_DROPPED', text()) }
    case answerKinds.lost:
      return { error: new SemelError('SEMEL_RESULT', text()) }
    case answerKinds.history: {
      const last = historyOf(text()).at(-1)
      return outcome === outcomes.deadLettered && last !== undefined
        ? { error: new SemelError('SEMEL_DEAD_LETTERED', last.error), attempts: last.attempt }
        : nothing
    }
    default:
      return kind satisfies never
  }
}

/** A malformed row's is a text and no list. */
function historyOf(text: string): readonly FailedAttempt[] {
  try {
    return JSON.parse(text) as FailedAttempt[]
  } catch {
    return []
  }
}
