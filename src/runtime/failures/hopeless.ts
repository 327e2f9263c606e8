import { addon, type NativeParked } from '../../native/addon.js'
import { outcomes, type OutcomeNumber } from '../../native/slots.js'
import { decodeHistory, errorText } from '../../reliability/attempts.js'
import type { Graph } from '../../pipeline/graph.js'
import type { Unkeyed } from '../message/readers.js'
import type { Failure } from '../operators/failure.js'
import type { Finished } from '../operators/finished.js'
import type { SlotReader } from '../operators/slot-reader.js'
import type { Answers } from '../replies/answers.js'
import type { ShardEvent } from './shard-event.js'
import { afterFailure, deadLetter, spent } from './verdicts.js'

/** Of what those who watch are told. */
const toldLengthMax = 2000

interface HopelessParts {
  readonly handle: number
  readonly shard: number
  readonly graph: Graph
  readonly slots: SlotReader
  readonly answers: Answers
  readonly tell: (event: ShardEvent) => void
}

/** Messages that no attempt can help, or no other one: dead letters, or at most once gone. */
export class Hopeless {
  readonly #parts: HopelessParts
  readonly #atMostOnce: boolean

  constructor(parts: HopelessParts) {
    this.#parts = parts
    this.#atMostOnce = parts.graph.deliver.delivery === 'at-most-once'
  }

  /** A row that its source could not read: no attempt can help it. */
  malformed(sequence: number, at: number, finished: Finished): OutcomeNumber {
    if (this.#atMostOnce) return outcomes.dropped
    const row = this.#parts.slots.malformedRow(at)
    const reason = row.line === 0 ? row.reason : `line ${row.line}: ${row.reason}`
    const nowMs = addon().clockMs(this.#parts.handle)
    finished.details.set(sequence, deadLetter(sequence, reason, nowMs))
    this.tellDeadLetter(sequence, reason)
    return outcomes.deadLettered
  }

  /**
   * A message whose key can't be told: parked, it would let later ones of its key pass, and processed,
   * it might pass an earlier one. So it is not tried again.
   */
  unkeyed(
    sequence: number,
    attempt: number,
    history: string,
    { thrown }: Failure,
    { error: why }: Unkeyed,
    finished: Finished,
  ): OutcomeNumber {
    const both = thrown === why ? why : new Error(`${errorText(thrown)}; and ${why.message}`)
    if (this.#atMostOnce) {
      this.#parts.answers.dropped(sequence, both, finished)
      return outcomes.dropped
    }
    const { retry } = this.#parts.graph
    const nowMs = addon().clockMs(this.#parts.handle)
    const last = { isLast: true }
    finished.details.set(
      sequence,
      afterFailure(sequence, attempt, history, both, retry, nowMs, last),
    )
    this.tellDeadLetter(sequence, both.message)
    return outcomes.deadLettered
  }

  /** Its last attempt has killed its worker, so that nobody could tell the sink for dead letters. */
  spent({ sequence, attempts, history }: NativeParked, finished: Finished): void {
    finished.details.set(sequence, spent(sequence, attempts, history))
    this.tellDeadLetter(sequence, decodeHistory(history).at(-1)?.error ?? '')
  }

  tellDeadLetter(sequence: number, error: string): void {
    const told = error.slice(0, toldLengthMax)
    this.#parts.tell({ kind: 'dead-letter', shard: this.#parts.shard, sequence, error: told })
  }
}
