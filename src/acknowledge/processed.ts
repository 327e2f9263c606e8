import { SemelError } from '../core/errors.js'
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
    const { results: _, ...rest } = told
    const end = { shard, sequence, durability, outcome, ...rest }
    this.#teller.resolve(
      (outcome === 'processed' ? { ...end, ...resultsOf(told) } : end) as Completion<Out>,
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

function resultsOf({ results, error }: Told): Record<string, unknown> {
  if (results !== undefined) return { result: results[0], results }
  return {
    result: undefined,
    results: [],
    error:
      error ??
      new SemelError(
        'SEMEL_RESULT',
        'the results of the messages that were committed together take more than fits; open the stream with a larger ring',
      ),
  }
}
