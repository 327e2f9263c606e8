import { SemelError } from '../../core/errors.js'
import type { OutputReader } from '../../core/sink.js'
import { after, nextTurn, type End } from '../../core/waiting/timers.js'
import { Taken } from './taken.js'

/** How long outputs wait without a loop before somebody is told. */
const unreadMs = 1000

export interface ShardOutputsParts {
  /** As senders know it. */
  readonly shard: number
  /** At most once: an output is done with when it is given. */
  readonly isDoneWhenGiven: boolean
  /** Tells the shard's connection how many were taken. */
  readonly tell: (count: number) => void
  /** Its outputs have waited for some time, and nobody reads. */
  readonly unread: () => void
}

/** A stream, or a class of one, whose outputs come to a desk. */
export interface OutputsOwner {
  /** As senders number them. */
  readonly firstShard: number
  readonly shards: number
  /** A loop begins to wait, or waits no more. */
  readonly waitingChanged: () => void
}

/** Outputs that a shard's connection has handed over, in order. */
export class ShardOutputs {
  readonly parts: ShardOutputsParts
  readonly #desk: OutputsDesk
  #outputs: unknown[] = []
  /** Of `#outputs`: the first that was not taken. */
  #at = 0
  #untold = 0
  #told = 0
  /** Of those that were told, as far as is known. */
  #committed = 0
  #endUnread: End | undefined
  #isOver = false

  constructor(desk: OutputsDesk, parts: ShardOutputsParts) {
    this.#desk = desk
    this.parts = parts
  }

  get isEmpty(): boolean {
    return this.#at === this.#outputs.length
  }

  get first(): unknown {
    return this.#outputs[this.#at]
  }

  /** Whether outputs wait and all that was taken is committed. */
  get isWaiting(): boolean {
    return !this.isEmpty && this.#untold === 0 && this.#told === this.#committed
  }

  /**
   * Outputs follow those before; also none.
   * @param committed how many that were taken are
   */
  put(outputs: readonly unknown[], committed: number): void {
    this.#committed = committed
    if (outputs.length === 0 || this.#isOver) return
    // Each is moved as often as there are others before it, at most.
    if (this.#at * 2 >= this.#outputs.length) {
      this.#outputs = this.#outputs.slice(this.#at)
      this.#at = 0
    }
    for (const output of outputs) this.#outputs.push(output)
    this.planUnread()
    this.#desk.changed()
  }

  /** The first one is taken. */
  take(): void {
    this.#outputs[this.#at] = undefined
    this.#at += 1
    this.#untold += 1
    // Those that are taken in one turn are told, and committed, together.
    if (this.#untold === 1) nextTurn(() => this.#tell())
  }

  /** Its connection is gone: what was not committed is given again by the next one. */
  end(): void {
    this.#isOver = true
    this.#endUnread?.()
    this.#desk.remove(this)
  }

  /** Tells that nobody reads, where that goes on for some time. */
  planUnread(): void {
    if (this.isEmpty || this.#desk.isRead || this.#endUnread !== undefined) return
    this.#endUnread = after(
      unreadMs,
      () => {
        this.#endUnread = undefined
        if (!this.isEmpty && !this.#desk.isRead) this.parts.unread()
      },
      { keepsAlive: false },
    )
  }

  #tell(): void {
    const count = this.#untold
    this.#untold = 0
    this.#told += count
    this.parts.tell(count)
  }
}

/** The outputs of all shards of a stream, whatever thread they are on, and the one loop over them. */
export class OutputsDesk {
  /** In turns; the first is that of the output which is given next, or has been given. */
  readonly #shards: ShardOutputs[] = []
  /** Streams whose shards may hand over outputs still: one, or one for each class. */
  readonly #owners = new Set<OutputsOwner>()
  /** Of those that have failed; told once, and again where none is left. */
  readonly #failures: SemelError[] = []
  #reader: object | undefined
  #wake: (() => void) | undefined

  open(owner: OutputsOwner): void {
    this.#owners.add(owner)
  }

  /** Its shards hand over nothing any more: it was closed in order, or has failed. */
  close(owner: OutputsOwner, failure?: SemelError): void {
    if (!this.#owners.delete(owner)) return
    if (failure !== undefined) this.#failures.push(failure)
    const { firstShard, shards } = owner
    const own = this.#shards.filter(
      ({ parts: { shard } }) => shard >= firstShard && shard < firstShard + shards,
    )
    for (const one of own) one.end()
    this.changed()
  }

  /** Whether there is a loop. */
  get isRead(): boolean {
    return this.#reader !== undefined
  }

  /** Whether a loop waits for an output. */
  get isAwaited(): boolean {
    return this.#wake !== undefined
  }

  /** Whether a shard can't go on: its outputs wait, and there is no loop. */
  isUnread(shard: number): boolean {
    if (this.isRead) return false
    return this.#shards.some((one) => one.parts.shard === shard && one.isWaiting)
  }

  add(parts: ShardOutputsParts): ShardOutputs {
    const added = new ShardOutputs(this, parts)
    this.#shards.push(added)
    return added
  }

  /** For a shard on this thread. */
  readerOf(parts: Omit<ShardOutputsParts, 'tell'>): OutputReader {
    const taken = new Taken()
    const shard = this.add({ ...parts, tell: (count) => taken.add(count) })
    return { hand: (outputs) => shard.put(outputs, taken.known), taken: () => taken.next() }
  }

  remove(shard: ShardOutputs): void {
    const at = this.#shards.indexOf(shard)
    if (at >= 0) this.#shards.splice(at, 1)
  }

  /** There is something to look at. */
  changed(): void {
    const wake = this.#wake
    if (wake === undefined) return
    this.#wake = undefined
    for (const owner of this.#owners) owner.waitingChanged()
    wake()
  }

  /** @throws SemelError `SEMEL_BUSY` where another loop reads */
  claim(reader: object): void {
    if (this.#reader === reader) return
    if (this.#reader !== undefined) {
      throw new SemelError(
        'SEMEL_BUSY',
        'outputs: another loop reads the outputs of this stream; end that one first',
        { retriable: true },
      )
    }
    this.#reader = reader
  }

  /** @param given whose first output was given and not taken: the next loop begins with it */
  release(reader: object, given: ShardOutputs | undefined): void {
    if (this.#reader !== reader) return
    this.#reader = undefined
    this.#wake = undefined
    for (const owner of this.#owners) owner.waitingChanged()
    const at = given === undefined ? -1 : this.#shards.indexOf(given)
    if (at > 0) this.#shards.unshift(...this.#shards.splice(at, 1))
    for (const shard of this.#shards) shard.planUnread()
  }

  /** The shard whose turn it is, where one has outputs. */
  next(): ShardOutputs | undefined {
    return this.#shards.find((shard) => !shard.isEmpty)
  }

  /** It was its turn. */
  passed(shard: ShardOutputs): void {
    if (this.#shards.length === 1) return
    const at = this.#shards.indexOf(shard)
    if (at >= 0) this.#shards.push(...this.#shards.splice(at, 1))
  }

  /** Whether no output will come any more. @throws SemelError why, where it is for a failure */
  isOver(): boolean {
    const isOver = this.#owners.size === 0
    const failure = isOver ? this.#failures[0] : this.#failures.shift()
    if (failure !== undefined) throw failure
    return isOver
  }

  /** Calls `run` once, when there is something to look at. */
  wait(run: () => void): void {
    this.#wake = run
    for (const owner of this.#owners) owner.waitingChanged()
  }
}
