import type { Sink, SinkConnection, SinkKind } from '../../core/sink.js'

/**
 * A sink of the kind that is asked for, which keeps count of its outputs and nothing else: what is left
 * is the cost of semel and of the handler.
 */
export function countingSink(kind: SinkKind): Sink<unknown> {
  return Object.freeze({ name: 'counting', kind, connect: () => new CountingConnection(kind) })
}

class CountingConnection implements SinkConnection<unknown> {
  readonly rewind?: (place: number | undefined) => void
  readonly place?: () => number
  #count = 0

  constructor(kind: SinkKind) {
    if (kind === 'rewindable') {
      this.rewind = (place) => {
        this.#count = place ?? 0
      }
      this.place = () => this.#count
    }
  }

  readonly write = (outputs: readonly unknown[]): void => {
    this.#count += outputs.length
  }

  flush(): void {}

  close(): void {}
}
