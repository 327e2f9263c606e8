import type { SemelError } from '../../core/errors.js'
import type { Origin } from '../../core/origin.js'
import { RejectedOutputs, type Position, type Sink, type SinkConnection } from '../../core/sink.js'
import type { Finished } from '../operators/finished.js'
import type { Routed } from '../operators/routed.js'
import type { ByProducts } from './by-products.js'
import { placeOf, rejectionOf, type Rejection } from './connection.js'
import { givenPlace, type Outlet } from './outlet.js'
import { Route, type Given } from './routes.js'

/** One of several sinks of a shard. */
export interface SinkOfSet {
  /** Among the pipeline's. */
  readonly index: number
  /** Its number in the directory. */
  readonly number: number
  readonly sink: Sink<never>
  readonly connection: SinkConnection<unknown>
}

interface Part extends SinkOfSet {
  readonly route: Route
  /** Whether it was written to since the last commit. */
  isTouched: boolean
}

/**
 * Several sinks as one. Each output knows which of them have it, so that no failure of one makes another
 * have it twice; those that can be cut back come last, and are, where a batch can't be committed as it is.
 */
export class SinkSet implements Outlet {
  readonly #parts: readonly Part[]
  readonly #byProducts: ByProducts
  /** By number, as of the last commit. */
  #places: Float64Array
  /** What was written since. */
  #written: Routed[] = []
  wasCutBack = false
  /** Something that is to be taken back may not have been. */
  #isUndoing = false
  readonly flush: Outlet['flush']

  /** @param places by the directory's numbers, as they are committed */
  constructor(sinks: readonly SinkOfSet[], places: Float64Array, byProducts: ByProducts) {
    const parts = sinks.map((one) => ({
      ...one,
      route: new Route(one.index, one.sink, byProducts),
      isTouched: false,
    }))
    // What can't be taken back is written first: it is what refuses most, and then nothing is to be undone.
    this.#parts = parts.toSorted((a, b) => Number(canCutBack(a)) - Number(canCutBack(b)))
    this.#places = places.slice()
    this.#byProducts = byProducts
    if (parts.some(({ connection }) => connection.flush !== undefined)) {
      this.flush = () => this.#flush()
    }
  }

  takes(finished: Finished): boolean {
    return (
      this.#isUndoing || finished.outputs.length > 0 || this.#byProducts.of(finished).length > 0
    )
  }

  async write(finished: Finished, position: Position): Promise<void> {
    if (this.#isUndoing) await this.undo()
    for (const part of this.#parts) await this.#writeTo(part, finished, position)
  }

  async rewind(places: Float64Array): Promise<void> {
    this.#places = places.slice()
    for (const part of this.#parts) {
      await part.connection.rewind?.(givenPlace(places, part.number))
      part.isTouched = false
    }
  }

  stands(places: Float64Array): SemelError | undefined {
    for (const { number, connection } of this.#parts) {
      const place = placeOf(connection, places[number] as number)
      if (typeof place === 'object') return place
      places[number] = place
    }
    return undefined
  }

  committed(places: Float64Array): void {
    this.#places = places.slice()
    for (const part of this.#parts) part.isTouched = false
    this.#written = []
    this.wasCutBack = false
  }

  /** What was written since the last commit is not committed; what can be taken back is. */
  async undo(): Promise<void> {
    this.#isUndoing = true
    for (const part of this.#parts) {
      const { isTouched, connection, route, number } = part
      if (!isTouched || connection.rewind === undefined) continue
      await connection.rewind(givenPlace(this.#places, number))
      for (const output of this.#written) output.written &= ~route.bit
      part.isTouched = false
      this.wasCutBack = true
    }
    this.#isUndoing = false
  }

  async #flush(): Promise<void> {
    for (const { isTouched, connection } of this.#parts) if (isTouched) await connection.flush?.()
  }

  async #writeTo(part: Part, finished: Finished, position: Position): Promise<void> {
    for (;;) {
      const given = part.route.missingOf(finished)
      if (given.length === 0) return
      part.isTouched = true
      const values = given.map(({ output }) => output.value)
      const originOf = (at: number): Origin => position.originOf((given[at] as Given).at)
      try {
        await part.connection.write(values, { ...position, originOf })
        this.#have(part, given)
        return
      } catch (thrown) {
        await this.#afterFailure(part, given, thrown)
      }
    }
  }

  /** @throws what is to be done about it, with nothing left written that could be taken back */
  async #afterFailure(part: Part, given: readonly Given[], thrown: unknown): Promise<void> {
    let failure = thrown
    let rejection: Rejection | undefined
    try {
      rejection = rejectionOf(thrown, given.length)
    } catch (error) {
      failure = error
    }
    if (rejection !== undefined) {
      this.#have(part, given.slice(0, rejection.written))
      const { refused, unavailable } = part.route.refusedOf(given, rejection)
      if (refused.size === 0 && unavailable === undefined) return
      failure = unavailable ?? new RejectedOutputs(refused as ReadonlyMap<number, Error>)
    }
    await this.undo()
    throw failure
  }

  #have({ route: { bit } }: Part, given: readonly Given[]): void {
    for (const { output } of given) {
      output.written |= bit
      this.#written.push(output)
    }
  }
}

function canCutBack({ connection }: Part): boolean {
  return connection.rewind !== undefined
}
