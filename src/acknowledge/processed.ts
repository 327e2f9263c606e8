import type { Outcome } from '../core/message.js'
import { Awaited, wants, type Desk, type Teller } from './awaited.js'
import type { Completion, Told } from './ends.js'

/** Synchronous: the sender is told when its message's end is committed, with the result. */
export class ProcessedAwaited<Out> extends Awaited {
  readonly wants = wants.result
  readonly #teller: Teller<Completion<Out>>

  constructor(desk: Desk, teller: Teller<Completion<Out>>) {
    super(desk)
    this.#teller = teller
  }

  ended(outcome: Outcome, told: Told): void {
    const { shard, sequence, durability } = this
    const { results = [], ...rest } = told
    const end = { shard, sequence, durability, outcome, ...rest }
    this.#teller.resolve(
      (outcome === 'processed' ? { ...end, result: results[0], results } : end) as Completion<Out>,
    )
    this.told()
  }

  refused(error: unknown): void {
    this.#teller.reject(error, false)
    this.told()
  }

  lost(error: unknown): void {
    this.#teller.reject(error, true)
    this.told()
  }
}
