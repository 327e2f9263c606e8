import type { MalformedRow } from '../core/message.js'
import { addon } from '../native/addon.js'
import { frameTypes } from '../native/slots.js'
import type { Graph } from '../pipeline/graph.js'
import { Decoder, kept } from './decoder.js'
import type { FailedAttempt } from './failures.js'
import { checkWait, type Wait, type WaitOptions } from './wait.js'

/** A message that failed for good, kept until it is retried or dropped. */
export interface DeadLetter {
  readonly shard: number
  /** Its number in the shard; with it, `retry` and `drop` name it. */
  readonly number: number
  readonly sequence: number
  /** When the message was taken in, in milliseconds since 1970. */
  readonly timeMs: number
  readonly attempts: number
  /** The latest failures, oldest first. */
  readonly history: readonly FailedAttempt[]
  /** As operators got it (of raw frames the bytes); of a malformed row there is none. */
  readonly message?: unknown
  readonly malformed?: MalformedRow
}

/** Read at a time, so that a long list takes little memory. */
const pageSize = 64

/** Some shards of a stream, numbered on from `firstShard`. */
interface Shards {
  readonly handle: number
  readonly graph: Graph
  readonly firstShard: number
  readonly shards: number
  /** Begins a wait of a call, `where`. */
  readonly wait: (where: string, options: WaitOptions) => Wait
}

/** The dead letters of an open stream. */
export class DeadLetters {
  /** @internal */
  readonly all: readonly Shards[]

  /** @internal */
  constructor(all: readonly Shards[]) {
    this.all = all
  }

  /** Those that are open, by shard and number. */
  *list(): IterableIterator<DeadLetter> {
    for (const shards of this.all) yield* this.#list(shards)
  }

  *#list({ handle, graph, firstShard, shards }: Shards): IterableIterator<DeadLetter> {
    const decoder = new Decoder(handle, graph, new ArrayBuffer(0))
    for (let shard = 0; shard < shards; shard++) {
      let page = addon().deadLetters(handle, shard, 0, pageSize)
      while (page.length > 0) {
        for (const { type, payload, history, ...letter } of page) {
          const attempts = history === '' ? [] : (JSON.parse(history) as FailedAttempt[])
          yield {
            ...letter,
            shard: firstShard + shard,
            history: attempts,
            ...(type === frameTypes.malformed
              ? { malformed: decoder.row(payload) }
              : { message: kept(decoder.of(payload)) }),
          }
        }
        const last = page.at(-1)?.number ?? 0
        page = addon().deadLetters(handle, shard, last, pageSize)
      }
    }
  }

  /**
   * Sends its message again, past the dedup index; waits for room. However that ends, the letter is
   * dealt with: a message that fails for good once more is a new one.
   * @throws InvalidArgumentError where there is no such letter, or it is a malformed row
   * @throws SemelError `SEMEL_TIMEOUT`, or the signal's reason: the letter stays as it was
   */
  async retry(
    letter: Pick<DeadLetter, 'shard' | 'number'>,
    options: WaitOptions = {},
  ): Promise<void> {
    await this.#end('deadLetters.retry', letter, options, true)
  }

  /**
   * @throws InvalidArgumentError where there is no such letter
   * @throws SemelError `SEMEL_TIMEOUT`, or the signal's reason: the letter stays as it was
   */
  async drop(
    letter: Pick<DeadLetter, 'shard' | 'number'>,
    options: WaitOptions = {},
  ): Promise<void> {
    await this.#end('deadLetters.drop', letter, options, false)
  }

  async #end(
    where: string,
    { shard, number }: Pick<DeadLetter, 'shard' | 'number'>,
    options: WaitOptions,
    retry: boolean,
  ): Promise<void> {
    const patience = checkWait(options, where)
    const { handle, firstShard, wait } = (this.all.findLast((one) => one.firstShard <= shard) ??
      this.all[0]) as Shards
    await wait(where, patience).until(() =>
      addon().endDeadLetter(handle, shard - firstShard, number, retry),
    )
  }
}
