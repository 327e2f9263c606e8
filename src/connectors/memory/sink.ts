import { ClosedError, SemelError } from '../../core/errors.js'
import type { Sink, SinkConnection, SinkContext } from '../../core/sink.js'

/** What `memory()` gives: a sink whose content can be looked at. */
export interface MemorySink<T> extends Sink<T, 'rewindable'> {
  /** All outputs: those of shard 0 in order, then those of shard 1 … A new array at each call. */
  readonly outputs: readonly T[]
  /** The outputs of one shard, in order. A new array at each call. */
  shard(shard: number): readonly T[]
}

/**
 * A sink that keeps its outputs, for tests. Rewindable: a place is a count of outputs, and a stream that
 * is opened again in the same process goes on behind the committed ones.
 *
 * The content belongs to the thread that this was called in: with `workers: 0` it is yours. A worker
 * thread imports the definition for itself, and so fills a sink of its own that you never see.
 * @example const sink = memory<Order>()
 */
export function memory<T = unknown>(): MemorySink<T> {
  const shards = new Map<number, T[]>()
  return Object.freeze({
    name: 'memory',
    kind: 'rewindable' as const,
    volatile: true as const,
    connect({ shard }: SinkContext) {
      let outputs = shards.get(shard)
      if (outputs === undefined) {
        outputs = []
        shards.set(shard, outputs)
      }
      return new MemoryConnection(outputs)
    },
    get outputs() {
      return [...shards].toSorted(([a], [b]) => a - b).flatMap(([, outputs]) => outputs)
    },
    shard: (shard: number) => [...(shards.get(shard) ?? [])],
  })
}

class MemoryConnection<T> implements SinkConnection<T> {
  readonly #outputs: T[]
  #closed = false

  constructor(outputs: T[]) {
    this.#outputs = outputs
  }

  rewind(place: number | undefined): void {
    if (place === undefined) return
    if (this.#outputs.length < place) {
      throw new SemelError(
        'SEMEL_SINK_BEHIND',
        `memory has ${this.#outputs.length} outputs, but ${place} were committed to it; it lives no longer than its process: open the stream with another directory to begin anew`,
      )
    }
    this.#outputs.length = place
  }

  place(): number {
    return this.#outputs.length
  }

  write(outputs: readonly T[]): void {
    if (this.#closed) throw new ClosedError('the sink memory is closed')
    for (const output of outputs) this.#outputs.push(output)
  }

  close(): void {
    this.#closed = true
  }
}
