import { InvalidArgumentError } from '../../core/errors.js'
import { checkWait, throwIfAborted, type WaitOptions } from '../../core/waiting/wait.js'
import { sinkNames, type Graph } from '../../pipeline/graph.js'
import type { OutputsDesk, ShardOutputs } from './desk.js'

/** What a stream has whose pipeline ends with `outputs()`. */
export interface WithOutputs<Out> {
  /**
   * The outputs, for one loop at a time; `signal` ends it with its reason. Asking for the next one
   * commits the one before, and ending the loop leaves that to the next loop. It ends by itself when the
   * stream is closed, behind all that was committed.
   * @throws SemelError `SEMEL_BUSY` where another loop reads; why the stream can't go on
   * @example for await (const output of stream.outputs()) console.log(output)
   */
  outputs(options?: Pick<WaitOptions, 'signal'>): AsyncIterableIterator<Out, undefined, undefined>
}

/** What reading by R adds to a stream. */
export type Read<R, Out> = [R] extends ['outputs'] ? WithOutputs<Out> : unknown

/** @throws InvalidArgumentError where the pipeline has another sink */
export function loopOver<Out>(
  desk: OutputsDesk | undefined,
  graph: Graph,
  options: Pick<WaitOptions, 'signal'> | undefined,
): OutputsLoop<Out> {
  if (desk !== undefined) return new OutputsLoop(desk, options)
  throw new InvalidArgumentError(
    `outputs: the outputs of ${graph.name} go to its sink ${sinkNames(graph)}; end the pipeline with .to(outputs()) to read them here`,
  )
}

/**
 * The outputs of a stream, one after the other. Asking for the next one says that the one before is done
 * with; ending the loop leaves it to the next loop.
 */
export class OutputsLoop<Out> implements AsyncIterableIterator<Out, undefined, undefined> {
  readonly #desk: OutputsDesk
  readonly #signal: AbortSignal | undefined
  /** Calls of `next` that have no answer yet, in order. */
  readonly #asks: Ask<Out>[] = []
  /** Whose first output has been given. */
  #given: ShardOutputs | undefined
  #isOver = false
  readonly #serves = (): void => this.#serve()

  /** @throws InvalidArgumentError */
  constructor(desk: OutputsDesk, options: Pick<WaitOptions, 'signal'> | undefined) {
    this.#desk = desk
    this.#signal = checkWait(options, 'outputs', ['signal']).signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Given<Out>> {
    return new Promise((resolve, reject) => {
      this.#asks.push({ resolve, reject, isBegun: false })
      if (this.#asks.length === 1) this.#serve()
    })
  }

  /** Ends at once, also while the next output is waited for. */
  return(): Promise<Given<Out>> {
    this.#end()
    this.#serve()
    return Promise.resolve(over)
  }

  async throw(error: unknown): Promise<Given<Out>> {
    await this.return()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #serve(): void {
    for (let ask = this.#asks[0]; ask !== undefined; ask = this.#asks[0]) {
      let answer: Given<Out> | undefined
      try {
        answer = this.#answerTo(ask)
      } catch (error) {
        this.#end()
        this.#asks.shift()
        ask.reject(error)
        continue
      }
      if (answer === undefined) {
        this.#desk.wait(this.#serves)
        return
      }
      this.#asks.shift()
      ask.resolve(answer)
    }
  }

  /** Undefined where there is nothing to answer yet. */
  #answerTo(ask: Ask<Out>): Given<Out> | undefined {
    if (this.#isOver) return over
    if (!ask.isBegun) {
      ask.isBegun = true
      // Given in the body: the output before was not asked beyond.
      throwIfAborted(this.#signal)
      this.#desk.claim(this)
      this.#take()
      // Of no effect where it is there already.
      this.#signal?.addEventListener('abort', this.#serves)
    }
    throwIfAborted(this.#signal)
    const shard = this.#desk.next()
    if (shard !== undefined) {
      const value = shard.first as Out
      this.#given = shard
      if (shard.parts.isDoneWhenGiven) this.#take()
      return { done: false, value }
    }
    if (!this.#desk.isOver()) return undefined
    this.#end()
    return over
  }

  #take(): void {
    const shard = this.#given
    if (shard === undefined) return
    this.#given = undefined
    shard.take()
    this.#desk.passed(shard)
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#signal?.removeEventListener('abort', this.#serves)
    this.#desk.release(this, this.#given)
    this.#given = undefined
  }
}

type Given<Out> = IteratorResult<Out, undefined>

interface Ask<Out> {
  readonly resolve: (given: Given<Out>) => void
  readonly reject: (error: unknown) => void
  /** The output before is taken. */
  isBegun: boolean
}

const over = Object.freeze({ done: true, value: undefined } as const)
