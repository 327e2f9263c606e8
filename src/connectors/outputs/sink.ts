import { ClosedError, InvalidArgumentError, SemelError, toError } from '../../core/errors.js'
import { checkOptions, wholeNumber } from '../../core/options.js'
import {
  RejectedOutputs,
  type OutputReader,
  type ReadKind,
  type Sink,
  type SinkConnection,
  type SinkContext,
} from '../../core/sink.js'

export interface OutputsOptions {
  /**
   * Outputs of a shard that wait for the loop at most, 1…65,536; behind them the shard waits.
   * @default 256
   */
  waitingMax?: number
}

/** What `outputs()` gives: its pipeline's streams have a loop over their outputs. */
export interface OutputsSink<T> extends Sink<T, ReadKind> {
  readonly isRead: true
}

const name = 'outputs'

/**
 * A sink that hands outputs to the process that opened the stream, which reads them in a loop. An output
 * is committed when the loop asks for the next one; at most once when it is given. What was given and
 * not asked beyond is given again: by the next loop, or the next opening.
 *
 * While nobody reads, the shards wait, and so does everything before them. From a worker thread outputs
 * come as structured clones; what has no clone (a function, say) fails its message.
 *
 * @throws InvalidArgumentError
 * @example
 * ```ts
 * const bars = pipeline('bars').accepts<Order>().deliver('at-least-once').to(outputs())
 * const stream = await open(bars, { dir: './data', workers: 0 })
 * for await (const bar of stream.outputs()) console.log(bar)
 * ```
 */
export function outputs<T = unknown>(options?: OutputsOptions): OutputsSink<T> {
  const given = checkOptions<OutputsOptions>(options, 'outputs', ['waitingMax'])
  const waitingMax = wholeNumber(
    given.waitingMax === undefined ? 256 : given.waitingMax,
    'outputs.waitingMax',
    1,
    65_536,
  )
  return Object.freeze({
    name,
    kind: 'repeatable' as ReadKind,
    isRead: true as const,
    connect({ reader }: SinkContext) {
      if (reader === undefined) {
        throw new InvalidArgumentError(
          'outputs: there is nobody to read here; open the pipeline by open, and read stream.outputs()',
        )
      }
      return new OutputsConnection<T>(reader, waitingMax)
    },
  })
}

class OutputsConnection<T> implements SinkConnection<T> {
  readonly #reader: OutputReader
  readonly #waitingMax: number
  /** Of the outputs that are being written, from the front: handed over and not taken yet. */
  #waiting = 0
  #isClosed = false
  /** Ends the wait for the reader. */
  #endWait: ((error: Error) => void) | undefined

  constructor(reader: OutputReader, waitingMax: number) {
    this.#reader = reader
    this.#waitingMax = waitingMax
  }

  async write(all: readonly T[]): Promise<void> {
    for (let written = 0; written < all.length;) {
      try {
        written += await this.writeSome(all.slice(written))
      } catch (error) {
        if (!(error instanceof RejectedOutputs)) throw error
        const why = error.rejected.get(0) as Error
        throw new RejectedOutputs(new Map([[written, why]]), written)
      }
    }
  }

  async writeSome(some: readonly T[]): Promise<number> {
    if (this.#isClosed) throw new ClosedError(`the sink ${name} is closed`)
    const unfit = this.#hand(some)
    // Those in front of it are taken first.
    if (unfit !== undefined && this.#waiting === 0) {
      throw new RejectedOutputs(new Map([[0, unfit]]), 0)
    }
    const taken = await this.#taken()
    this.#waiting -= taken
    return taken
  }

  close(): void {
    this.#isClosed = true
    this.#endWait?.(new ClosedError(`the sink ${name} is closed`))
  }

  /** @throws ClosedError where the connection is closed meanwhile */
  #taken(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#endWait = reject
      this.#reader.taken().then(resolve, reject)
    })
  }

  /** Hands over what there is room for; why the next one can't be, where it can't. */
  #hand(some: readonly T[]): Error | undefined {
    const next = some.slice(this.#waiting, this.#waitingMax)
    try {
      this.#reader.hand(next)
      this.#waiting += next.length
      return undefined
    } catch {
      // Which of them it is shows only where each is handed over alone.
    }
    for (const output of next) {
      try {
        this.#reader.hand([output])
        this.#waiting += 1
      } catch (error) {
        return new SemelError(
          'SEMEL_OUTPUT',
          `the output can't be taken to the thread that reads it: ${toError(error).message}; put out plain data`,
          { cause: error },
        )
      }
    }
    return undefined
  }
}
