import { ClosedError, toError } from '../../core/errors.js'
import { checkOptions } from '../../core/options.js'
import { idempotencyKey, type Origin } from '../../core/origin.js'
import { RejectedOutputs, type Position, type Sink, type SinkConnection } from '../../core/sink.js'
import { adopted } from '../../core/thenable.js'
import { caught } from '../../core/thrown.js'
import { checkForEach, type ForEachOptions } from './options.js'

/** Of an output, where it belongs. */
export interface OutputContext extends Pick<Position, 'epoch' | 'through'> {
  /** The same each time that the output is given. */
  readonly origin: Origin
  /** By which a system that keeps keys does it once: `idempotencyKey(origin)`. */
  readonly idempotencyKey: string
}

/** What is done with an output; what it returns is awaited. */
export type ForEachFunction<T> = (output: T, context: OutputContext) => unknown

/**
 * A sink that calls a function with each output, one after the other, in order; a promise is awaited
 * before the next call. Its second parameter says where the output comes from, and has a key by which a
 * system that is called can tell that it has done it already.
 *
 * When the function throws, that output has failed: its message is parked and tried again, or
 * dead-lettered (at once where it throws `Fatal`), and the outputs in front of it are not repeated for
 * that. After a crash those that were not committed yet are. Where it throws `Unavailable`, no message
 * has failed: the shard waits, and goes on from that output.
 *
 * @example
 * ```ts
 * .to(forEach((order) => database.upsert(order.id, order), { idempotent: true }))
 * ```
 * @throws InvalidArgumentError for what is no function, or for an unknown option
 * @example
 * ```ts
 * forEach((order, { idempotencyKey }) => psp.charge(order, { idempotencyKey }), { idempotent: true })
 * ```
 */
export function forEach<T>(
  each: ForEachFunction<T>,
  options: ForEachOptions & { idempotent: true },
): Sink<T, 'idempotent'>
export function forEach<T>(
  each: ForEachFunction<T>,
  options?: ForEachOptions,
): Sink<T, 'repeatable'>
export function forEach<T>(
  each: ForEachFunction<T>,
  options?: ForEachOptions,
): Sink<T, 'idempotent' | 'repeatable'> {
  const given = checkOptions<ForEachOptions>(options, 'forEach', ['idempotent', 'name'])
  const declared = checkForEach('forEach', '(output, context)', each, given)
  return Object.freeze({
    ...declared,
    connect: () => new ForEachConnection(declared.name, each),
  })
}

class ForEachConnection<T> implements SinkConnection<T> {
  readonly #name: string
  readonly #each: ForEachFunction<T>
  #closed = false

  constructor(name: string, each: ForEachFunction<T>) {
    this.#name = name
    this.#each = each
  }

  /** Returns a promise only where the function does: the common case stays on this turn. */
  write(outputs: readonly T[], position: Position): void | Promise<void> {
    if (this.#closed) throw new ClosedError(`the sink ${this.#name} is closed`)
    for (let i = 0; i < outputs.length; i++) {
      let pending: Promise<unknown> | undefined
      try {
        pending = adopted(this.#each(outputs[i] as T, new ContextOf(position, i)))
      } catch (thrown) {
        throw rejected(i, thrown)
      }
      if (pending !== undefined) return this.#rest(outputs, position, i, pending)
    }
  }

  close(): void {
    this.#closed = true
  }

  async #rest(
    outputs: readonly T[],
    position: Position,
    from: number,
    first: Promise<unknown>,
  ): Promise<void> {
    for (let i = from; i < outputs.length; i++) {
      try {
        await (i === from
          ? first
          : adopted(this.#each(outputs[i] as T, new ContextOf(position, i))))
      } catch (thrown) {
        throw rejected(i, thrown)
      }
    }
  }
}

/** Found out when it is asked for. */
class ContextOf implements OutputContext {
  readonly #position: Position
  readonly #index: number

  constructor(position: Position, index: number) {
    this.#position = position
    this.#index = index
  }

  get epoch(): number {
    return this.#position.epoch
  }

  get through(): number {
    return this.#position.through
  }

  get origin(): Origin {
    return this.#position.originOf(this.#index)
  }

  get idempotencyKey(): string {
    return idempotencyKey(this.origin)
  }
}

function rejected(index: number, thrown: unknown): RejectedOutputs {
  return new RejectedOutputs(new Map([[index, toError(caught(thrown).thrown)]]), index)
}
