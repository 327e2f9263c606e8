import type { SemelError } from '../../core/errors.js'
import type { Position, SinkConnection } from '../../core/sink.js'
import type { Finished } from '../operators/finished.js'
import { placeOf } from './connection.js'

/**
 * What outputs go to where the ack log has the last word, or beside a transactional sink: one sink, or
 * several as if they were one. One call at a time.
 */
export interface Outlet {
  /** Whether any of it has something to write of these. */
  takes(finished: Finished): boolean
  /**
   * As a SinkConnection's `write`, with the outputs' own indices. Where it throws, what is written and can
   * be taken back has been, or is by the next call.
   */
  write(finished: Finished, position: Position): void | Promise<void>
  /** As a SinkConnection's; missing where outputs are not taken one by one. */
  readonly writeSome?: ((finished: Finished, position: Position) => Promise<number>) | undefined
  /** Missing where nothing is to be flushed. */
  readonly flush?: (() => void | Promise<void>) | undefined
  /** Back to what was committed, by the directory's numbers of sinks; missing where nothing can be. */
  readonly rewind?: ((places: Float64Array) => void | Promise<void>) | undefined
  /**
   * Where it stands, into `places`, which has what was committed.
   * @returns why a place can't be had, where it can't
   */
  stands(places: Float64Array): SemelError | undefined
  /** Whether something was cut back since the last commit: it may stand behind what others have put there. */
  readonly wasCutBack: boolean
  /** What was written is committed. */
  committed(places: Float64Array): void
}

/** The only sink of a pipeline: what it is asked goes straight to it. */
export class OneSink implements Outlet {
  readonly wasCutBack = false
  readonly #connection: SinkConnection<unknown>
  readonly writeSome: Outlet['writeSome']
  readonly flush: Outlet['flush']
  readonly rewind: Outlet['rewind']

  constructor(connection: SinkConnection<unknown>) {
    this.#connection = connection
    if (connection.writeSome !== undefined) {
      this.writeSome = async ({ outputs }, position) =>
        connection.writeSome?.(outputs, position) as Promise<number>
    }
    if (connection.flush !== undefined) this.flush = () => connection.flush?.()
    if (connection.rewind !== undefined) {
      this.rewind = (places) => connection.rewind?.(givenPlace(places, 0))
    }
  }

  takes({ outputs }: Finished): boolean {
    return outputs.length > 0
  }

  write({ outputs }: Finished, position: Position): void | Promise<void> {
    return this.#connection.write(outputs, position)
  }

  stands(places: Float64Array): SemelError | undefined {
    const place = placeOf(this.#connection, places[0] as number)
    if (typeof place === 'object') return place
    places[0] = place
    return undefined
  }

  committed(): void {}
}

/** A sink's committed place, as `rewind` takes it. */
export function givenPlace(places: Float64Array, sink: number): number | undefined {
  const place = places[sink] ?? -1
  return place < 0 ? undefined : place
}
