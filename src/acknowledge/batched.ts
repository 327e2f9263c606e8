import type { Acknowledgment } from '../core/acknowledge.js'
import type { Outcome } from '../core/message.js'
import { after, atEndOfTick, type End } from '../core/waiting/timers.js'
import { marks } from '../native/replies.js'
import { Awaited, type Desk, type Teller } from './awaited.js'
import { endOf, type BatchedEnd, type Told } from './ends.js'

/** What is known of one message of a batch. */
export type BatchStatus<In> =
  | { readonly message: In; readonly status: 'acknowledged'; readonly end: BatchedEnd }
  | { readonly message: In; readonly status: 'unknown'; readonly error: unknown }

/** A batch whose messages are all committed. */
export interface Batch<In> {
  /** 1, 2, 3 … in the order in which the batches began. */
  readonly number: number
  /** In the order of sending. */
  readonly statuses: readonly BatchStatus<In>[]
}

/**
 * Deferred: messages are told of together, when a whole batch of them is committed; each has a status
 * of its own. One that has failed and waits for its next attempt is `parked`, and holds up nobody: its
 * end comes late.
 */
export class Batches<In> {
  readonly #desk: Desk
  readonly #size: number
  readonly #withinMs: number
  readonly #onBatch: ((batch: Batch<In>) => void) | undefined
  #open: OpenBatch<In> | undefined
  #number = 0

  constructor(
    desk: Desk,
    { size, withinMs }: Acknowledgment,
    onBatch: ((batch: Batch<In>) => void) | undefined,
  ) {
    this.#desk = desk
    this.#size = size
    this.#withinMs = withinMs
    this.#onBatch = onBatch
  }

  /** A message of the batch that is being filled; `teller` of a sender that waits for it. */
  add(message: In, teller?: Teller<BatchedEnd>): Awaited {
    this.#open ??= new OpenBatch(++this.#number, this.#onBatch)
    const batch = this.#open
    const awaited = batch.add(this.#desk, message, teller)
    if (batch.size === this.#size) this.close()
    else if (batch.size === 1) batch.endWait = after(this.#withinMs, () => this.close())
    return awaited
  }

  /** No more messages come into the batch that is being filled. */
  close(): void {
    const batch = this.#open
    this.#open = undefined
    batch?.close()
  }
}

class OpenBatch<In> {
  endWait: End | undefined
  readonly #number: number
  readonly #onBatch: ((batch: Batch<In>) => void) | undefined
  readonly #messages: BatchedAwaited<In>[] = []
  #waiting = 0
  #isOpen = true

  constructor(number: number, onBatch: ((batch: Batch<In>) => void) | undefined) {
    this.#number = number
    this.#onBatch = onBatch
  }

  get size(): number {
    return this.#messages.length
  }

  add(desk: Desk, message: In, teller: Teller<BatchedEnd> | undefined): Awaited {
    const awaited = new BatchedAwaited(desk, message, this, teller)
    this.#messages.push(awaited)
    this.#waiting += 1
    return awaited
  }

  close(): void {
    this.endWait?.()
    this.#isOpen = false
    this.#tellIfDone()
  }

  /** One of its messages is known about. */
  known(): void {
    this.#waiting -= 1
    this.#tellIfDone()
  }

  #tellIfDone(): void {
    if (this.#isOpen || this.#waiting > 0) return
    const statuses: BatchStatus<In>[] = []
    for (const message of this.#messages) {
      const status = message.tell()
      if (status !== undefined) statuses.push(status)
    }
    if (statuses.length === 0) return
    try {
      this.#onBatch?.({ number: this.#number, statuses })
    } catch (error) {
      // As from any event: it is the program's, and no other batch's.
      atEndOfTick(() => {
        throw error
      })
    }
  }
}

class BatchedAwaited<In> extends Awaited {
  readonly wants = marks.wantsOutcome
  readonly #message: In
  readonly #batch: OpenBatch<In>
  readonly #teller: Teller<BatchedEnd> | undefined
  #end: BatchedEnd | undefined
  #error: { readonly error: unknown } | undefined
  /** It is not in the batch. */
  #isOut = false
  /** Its end has been told. */
  #isTold = false

  constructor(
    desk: Desk,
    message: In,
    batch: OpenBatch<In>,
    teller: Teller<BatchedEnd> | undefined,
  ) {
    super(desk)
    this.#message = message
    this.#batch = batch
    this.#teller = teller
  }

  get #isKnown(): boolean {
    return this.#end !== undefined || this.#error !== undefined || this.#isOut
  }

  override parked(): void {
    const { shard, sequence, durability } = this
    this.#know({ shard, sequence, durability, outcome: 'parked' })
  }

  ended(outcome: Outcome, told: Told): void {
    if (this.#end?.outcome === 'parked' && !this.#isTold) {
      // Its batch is not told of yet.
      this.#end = endOf(this, outcome, told)
    } else if (this.#isKnown) {
      // It was told to be parked, or unknown.
      this.gaveUp = true
    } else {
      this.#know(endOf(this, outcome, told))
    }
  }

  /** What is known of it is told, where only its batch is waited for. */
  override giveUp(error: unknown): void {
    if (this.#end === undefined) super.giveUp(error)
    else this.#tellEnd(this.#end)
  }

  refused(error: unknown): void {
    this.#isOut = true
    this.#teller?.reject(error, false)
    this.told()
    this.#batch.known()
  }

  lost(error: unknown): void {
    if (this.#isKnown) return
    this.#error = { error }
    // Who gives up hears of it now, and the others with the batch.
    this.#teller?.reject(error, true)
    this.told()
    this.#batch.known()
  }

  /** The batch is committed. */
  tell(): BatchStatus<In> | undefined {
    const message = this.#message
    if (this.#end !== undefined) {
      this.#tellEnd(this.#end)
      return { message, status: 'acknowledged', end: this.#end }
    }
    if (this.#error !== undefined) return { message, status: 'unknown', ...this.#error }
    return undefined
  }

  #tellEnd(end: BatchedEnd): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#teller?.resolve(end)
    this.told()
  }

  #know(end: BatchedEnd): void {
    if (this.#isKnown) return
    this.#end = end
    this.#batch.known()
  }
}
