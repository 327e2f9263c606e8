import type { Durability } from '../core/delivery.js'
import type { Outcome } from '../core/message.js'
import { marks } from '../native/replies.js'
import { Awaited, type Desk, type Teller } from './awaited.js'
import { endOf, type End, type Receipt, type Stored, type Told } from './ends.js'

/** Immediate: the sender is told when its message is stored, and may ask for the outcome then. */
export class StoredAwaited extends Awaited {
  readonly wants = marks.wantsOutcome
  readonly #teller: Teller<Receipt>
  #receipt: StoredReceipt | undefined

  constructor(desk: Desk, teller: Teller<Receipt>) {
    super(desk)
    this.#teller = teller
  }

  override stored(): void {
    this.#receipt = new StoredReceipt(this, this.desk)
    this.#teller.resolve(this.#receipt)
    this.told()
  }

  ended(outcome: Outcome, told: Told): void {
    this.#receipt?.end(outcome, told)
  }

  refused(error: unknown): void {
    this.#teller.reject(error, false)
    this.told()
  }

  lost(error: unknown): void {
    if (this.#receipt !== undefined) {
      this.#receipt.lose(error)
      return
    }
    this.#teller.reject(error, true)
    this.told()
  }
}

class StoredReceipt implements Receipt {
  readonly shard: number
  readonly sequence: number
  readonly durability: Durability
  #end: End | undefined
  #lost: { readonly error: unknown } | undefined
  #outcome: Promise<End> | undefined
  #teller: Teller<End> | undefined

  readonly #desk: Desk

  constructor({ shard, sequence, durability }: Stored, desk: Desk) {
    this.shard = shard
    this.sequence = sequence
    this.durability = durability
    this.#desk = desk
  }

  get outcome(): Promise<End> {
    return (this.#outcome ??= this.#told())
  }

  #told(): Promise<End> {
    const outcome = new Promise<End>((resolve, reject) => {
      if (this.#end !== undefined) resolve(this.#end)
      else if (this.#lost !== undefined) reject(this.#lost.error)
      else {
        this.#teller = { resolve, reject }
        this.#desk.waits()
        this.#desk.look()
      }
    })
    // Who looks at a receipt and does not wait for its end is not to be ended by a close.
    outcome.catch(() => {})
    return outcome
  }

  end(outcome: Outcome, told: Told): void {
    this.#end = endOf(this, outcome, told)
    if (this.#teller === undefined) return
    this.#teller.resolve(this.#end)
    this.#desk.told()
  }

  lose(error: unknown): void {
    this.#lost = { error }
    if (this.#teller === undefined) return
    this.#teller.reject(error, true)
    this.#desk.told()
  }
}
