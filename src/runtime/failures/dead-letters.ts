import { addon } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import { LetterReader, type DeadLetter } from './letter-reader.js'
import { shapesOf } from '../message/structures.js'
import { checkWait, type Wait, type WaitOptions } from '../../core/waiting/wait.js'

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

  /**
   * Those that are open, by shard and number, a page at a time: they may be retried and dropped while
   * they are listed, and new ones may come. One that can't be decoded is listed with its bytes.
   */
  *list(): IterableIterator<DeadLetter> {
    for (const shards of this.all) yield* this.#list(shards)
  }

  *#list({ handle, graph, firstShard, shards }: Shards): IterableIterator<DeadLetter> {
    const reader = new LetterReader(graph.accepts, shapesOf(handle).load)
    for (let shard = 0; shard < shards; shard++) {
      let page = addon().deadLetters(handle, shard, 0, pageSize)
      while (page.length > 0) {
        for (const letter of page) yield reader.read(letter, firstShard + shard)
        const last = page.at(-1)?.number ?? 0
        page = addon().deadLetters(handle, shard, last, pageSize)
      }
    }
  }

  /**
   * Sends its message again, past the dedup index; waits for room. However that ends, the letter is
   * dealt with: a message that fails for good once more is a new one. Until that is committed the letter
   * is listed, and a second `retry` does nothing, over reopenings too.
   * @throws InvalidArgumentError where there is no such letter, it is a malformed row, or it is being
   * dropped
   * @throws SemelError `SEMEL_TIMEOUT`, or the signal's reason: the letter stays as it was
   */
  async retry(
    letter: Pick<DeadLetter, 'shard' | 'number'>,
    options: WaitOptions = {},
  ): Promise<void> {
    await this.#end('deadLetters.retry', letter, options, true)
  }

  /**
   * @throws InvalidArgumentError where there is no such letter, or it is being sent again
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
