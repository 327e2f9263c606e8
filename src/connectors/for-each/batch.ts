import { ClosedError, InvalidArgumentError, toError } from '../../core/errors.js'
import { isUnavailable } from '../../core/handler-errors.js'
import { checkOptions, shown, wholeNumber } from '../../core/options.js'
import { RejectedOutputs, type Position, type Sink, type SinkConnection } from '../../core/sink.js'
import { adopted } from '../../core/thenable.js'
import { caught } from '../../core/thrown.js'
import { checkForEach, type ForEachOptions } from './options.js'

export interface ForEachBatchOptions extends ForEachOptions {
  /**
   * The most outputs that one call is given, 1…65,536: as many rows as a statement may have, say.
   * @default all that are committed together: what is ready when a commit begins
   */
  size?: number
}

/** What is done with outputs that are committed together; what it returns is awaited. */
export type ForEachBatchFunction<T> = (outputs: readonly T[], position: Position) => unknown

/**
 * A sink that calls a function with outputs in arrays, in order, one call at a time: those that are
 * committed together, which is what was waiting. It never waits for an array to fill; `batch` does.
 *
 * What the function throws says what has become of the outputs of that call:
 * - `RejectedOutputs`: the first `written` of them are written, those that it names by their index are
 *   refused, and their messages are parked and tried again, or dead-lettered; the others are given again
 * - `Unavailable`: none of them is written, and no message has failed: the shard waits, then the same
 *   call is made again
 * - anything else: none of them is written, and one of them is at fault. Each is given again alone, and
 *   one that fails alone is refused
 *
 * A function that can't tell whether it has written some of them has to be one that may be repeated.
 * After a crash the outputs that were not committed yet are given again.
 *
 * @throws InvalidArgumentError for what is no function, or for an option that can't be used
 *
 * @example
 * ```ts
 * .to(forEachBatch((orders) => database.insertMany(orders), { size: 1000 }))
 * ```
 */
export function forEachBatch<T>(
  each: ForEachBatchFunction<T>,
  options: ForEachBatchOptions & { idempotent: true },
): Sink<T, 'idempotent'>
export function forEachBatch<T>(
  each: ForEachBatchFunction<T>,
  options?: ForEachBatchOptions,
): Sink<T, 'repeatable'>
export function forEachBatch<T>(
  each: ForEachBatchFunction<T>,
  options?: ForEachBatchOptions,
): Sink<T, 'idempotent' | 'repeatable'> {
  const given = checkOptions<ForEachBatchOptions>(options, 'forEachBatch', [
    'idempotent',
    'name',
    'size',
  ])
  const declared = checkForEach('forEachBatch', '(outputs, position)', each, given)
  const size =
    given.size === undefined ? Infinity : wholeNumber(given.size, 'forEachBatch.size', 1, 65_536)
  return Object.freeze({
    ...declared,
    inBatches: true as const,
    connect: () => new ForEachBatchConnection(declared.name, each, size),
  })
}

class ForEachBatchConnection<T> implements SinkConnection<T> {
  readonly #name: string
  readonly #each: ForEachBatchFunction<T>
  readonly #size: number
  #closed = false

  constructor(name: string, each: ForEachBatchFunction<T>, size: number) {
    this.#name = name
    this.#each = each
    this.#size = size
  }

  /** Returns a promise only where the function does, or fails. */
  write(outputs: readonly T[], position: Position): void | Promise<void> {
    if (this.#closed) throw new ClosedError(`the sink ${this.#name} is closed`)
    for (let from = 0; from < outputs.length; from += this.#size) {
      let pending: Promise<unknown> | undefined
      try {
        pending = adopted(this.#each(this.#part(outputs, from), positionFrom(position, from)))
      } catch (thrown) {
        pending = Promise.reject(caught(thrown).thrown)
      }
      if (pending !== undefined) return this.#rest(outputs, position, from, pending)
    }
  }

  close(): void {
    this.#closed = true
  }

  /** A copy: what the function does to it changes nothing here. */
  #part(outputs: readonly T[], from: number): readonly T[] {
    return outputs.slice(from, from + this.#size)
  }

  async #rest(
    outputs: readonly T[],
    position: Position,
    first: number,
    begun: Promise<unknown>,
  ): Promise<void> {
    for (let from = first; from < outputs.length; from += this.#size) {
      const part = this.#part(outputs, from)
      try {
        await (from === first ? begun : adopted(this.#each(part, positionFrom(position, from))))
      } catch (thrown) {
        const failure = failed(thrown, from, part.length)
        if (failure !== undefined) throw failure
        await this.#singly(part, position, from)
      }
    }
  }

  /** Which of them is at fault shows only where each is given alone. */
  async #singly(part: readonly T[], position: Position, from: number): Promise<void> {
    for (const [at, output] of part.entries()) {
      try {
        await adopted(this.#each([output], positionFrom(position, from + at)))
      } catch (thrown) {
        throw failed(thrown, from + at, 1) as Error
      }
    }
  }
}

/** Of a part of the outputs, from an index on. */
function positionFrom(position: Position, from: number): Position {
  return { ...position, originOf: (index) => position.originOf(from + index) }
}

/**
 * What a call with `count` outputs from the index `from` on has thrown, as all of the write is told of
 * it; undefined where one of several is at fault and it is not known which.
 */
function failed(thrown: unknown, from: number, count: number): Error | undefined {
  const failure = toError(caught(thrown).thrown)
  if (isRejection(failure)) return shifted(failure, from, count)
  if (isUnavailable(failure) || count === 1) {
    return new RejectedOutputs(new Map([[from, failure]]), from)
  }
  return undefined
}

/** Also one of another copy of the library. */
function isRejection(failure: Error): failure is RejectedOutputs {
  return failure instanceof RejectedOutputs || failure.name === 'RejectedOutputs'
}

/** By its indices in the whole. One that can't be is no rejection: the call is made again. */
function shifted({ rejected, written }: RejectedOutputs, from: number, count: number): Error {
  const isIndex = (index: unknown): boolean =>
    Number.isSafeInteger(index) && (index as number) >= written && (index as number) < count
  const isPossible = Number.isSafeInteger(written) && written >= 0 && written <= count
  const indices = isPossible && rejected instanceof Map ? [...rejected.keys()] : []
  if (indices.length === 0 || !indices.every(isIndex)) {
    return new InvalidArgumentError(
      `forEachBatch: RejectedOutputs was thrown with the places ${shown(indices)} and ${shown(written)} written, of ${count} outputs; name at least one that was not written, by its index in the outputs of that call`,
    )
  }
  const moved = [...rejected].map(([index, error]) => [from + index, error] as const)
  return new RejectedOutputs(new Map(moved), from + written)
}
