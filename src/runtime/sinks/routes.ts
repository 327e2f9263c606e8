import type { Sink } from '../../core/sink.js'
import { isUnavailable } from '../../core/handler-errors.js'
import type { Finished } from '../operators/finished.js'
import { bitOf, type Routed } from '../operators/routed.js'
import type { ByProducts } from './by-products.js'
import type { Rejection } from './connection.js'

/** An output for a sink: its index among the batch's, or of a by-product −1 − its index among those. */
export interface Given {
  readonly at: number
  readonly output: Routed
}

/** What one of several sinks is given. */
export class Route {
  readonly bit: number
  readonly #sink: Sink<never>
  readonly #byProducts: ByProducts

  /** @param index among the pipeline's sinks */
  constructor(index: number, sink: Sink<never>, byProducts: ByProducts) {
    this.bit = bitOf(index)
    this.#sink = sink
    this.#byProducts = byProducts
  }

  /** What it is to have of these and has not. */
  missingOf(finished: Finished): Given[] {
    const given: Given[] = []
    const add = (at: number, output: Routed): void => {
      if ((output.to & this.bit) !== 0 && (output.written & this.bit) === 0) {
        given.push({ at, output })
      }
    }
    for (const [at, output] of (finished.outputs as Routed[]).entries()) add(at, output)
    for (const [at, output] of this.#byProducts.of(finished).entries()) add(-1 - at, output)
    return given
  }

  /**
   * What the sink has refused of them, by the outputs' indices among the batch's. By-products that it
   * refuses go to nobody.
   * @returns also why it is unavailable for a by-product, where it is
   */
  refusedOf(
    given: readonly Given[],
    { rejected }: Pick<Rejection, 'rejected'>,
  ): { readonly refused: ReadonlyMap<number, unknown>; readonly unavailable: unknown } {
    const refused = new Map<number, unknown>()
    let unavailable: unknown
    for (const [index, error] of rejected) {
      const { at, output } = given[index] as Given
      if (at >= 0) refused.set(at, error)
      else if (isUnavailable(error)) unavailable ??= error
      else {
        this.#byProducts.refused(output, this.#sink, error)
        output.written |= this.bit
      }
    }
    return { refused, unavailable }
  }
}
