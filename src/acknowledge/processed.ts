import { SemelError } from '../core/errors.js'
import type { Outcome } from '../core/message.js'
import { marks } from '../native/replies.js'
import { Awaited, type Desk, type Teller } from './awaited.js'
import { endOf, type Completion, type Told } from './ends.js'

/** Synchronous: the sender is told when its message's end is committed, with the result. */
export class ProcessedAwaited<Out> extends Awaited {
  readonly wants = marks.wantsResult
  readonly #teller: Teller<Completion<Out>>

  constructor(desk: Desk, teller: Teller<Completion<Out>>) {
    super(desk)
    this.#teller = teller
  }

  ended(outcome: Outcome, told: Told): void {
    this.#teller.resolve(
      outcome === 'processed'
        ? this.#completion(outcome, told)
        : (endOf(this, outcome, told) as Completion<Out>),
    )
    this.told()
  }

  #completion(outcome: 'processed', { results, error }: Told): Completion<Out> {
    const { shard, sequence, durability } = this
    if (results === undefined) {
      const end = { shard, sequence, durability, outcome, result: undefined as Out, results: [] }
      return { ...end, error: error ?? tooMuch() }
    }
    const [result] = results as readonly [Out]
    return { shard, sequence, durability, outcome, result, results: results as readonly Out[] }
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

function tooMuch(): SemelError {
  return new SemelError(
    'SEMEL_RESULT',
    'the results of the messages that were committed together take more than fits; open the stream with a larger ring',
  )
}
