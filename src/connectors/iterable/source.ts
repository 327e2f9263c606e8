import { InvalidArgumentError, SemelError, toError } from '../../core/errors.js'
import { oneNotMany } from '../../core/many.js'
import { checkOptions, shown } from '../../core/options.js'
import type { Source, SourceBatch, SourceContext, SourceRow } from '../../core/source.js'
import { turn } from '../../core/waiting/timers.js'

export interface IterableSourceOptions {
  /**
   * What messages and reports call it.
   * @default 'iterable'
   */
  name?: string
}

const partition = 'iterable'
const batchRowsMax = 1024

type AnyIterable<T> = AsyncIterable<T> | Iterable<T>

/** @deprecated use `IterableSourceOptions` */
export type IterableOptions = IterableSourceOptions

/**
 * Messages from whatever can be iterated: an array, a generator, a readable stream, a subscription.
 * A function is called when reading begins.
 *
 * Not resumable: what has been taken out of an iterable can't be asked for again, so messages that were
 * taken and not stored when the process dies are lost. An asynchronous iterable is read ahead by at most
 * 1024 messages; when the reading is aborted these are still handed on, and the iterator's `return` is
 * called.
 *
 * @throws InvalidArgumentError for what can't be iterated. When it is read: SemelError `SEMEL_SOURCE`
 * where the iterable throws, behind the messages that came before
 * @example await stream.consume(iterableSource(subscribe('orders')))
 */
export function iterableSource<T>(
  messages: AnyIterable<T> | (() => AnyIterable<T>),
  options?: IterableSourceOptions,
): Source<T> {
  const instead = oneNotMany(messages)
  if (instead !== undefined) {
    throw new InvalidArgumentError(`iterableSource: ${shown(messages)} ${instead}`)
  }
  if (typeof messages !== 'function' && !isIterable(messages)) {
    throw new InvalidArgumentError(
      `iterableSource: ${shown(messages)} can't be iterated; give an array, a generator, a stream, or a function that returns one`,
    )
  }
  const { name = partition } = checkOptions<IterableSourceOptions>(options, 'iterableSource', [
    'name',
  ])
  if (typeof name !== 'string' || name === '') {
    throw new InvalidArgumentError(`iterableSource.name: ${shown(name)} is not a name; give a text`)
  }
  return Object.freeze({
    name,
    resumable: false,
    partitions: Object.freeze([partition]),
    read: ({ signal }: SourceContext) => read(name, messages, signal),
  })
}

/** @deprecated use `iterableSource`, which it is */
export const iterable = iterableSource

async function* read<T>(
  name: string,
  messages: AnyIterable<T> | (() => AnyIterable<T>),
  signal: AbortSignal,
): AsyncGenerator<SourceBatch<T>, void> {
  if (signal.aborted) return
  const iterated: unknown = typeof messages === 'function' ? messages() : messages
  if (!isIterable(iterated)) {
    throw new SemelError(
      'SEMEL_SOURCE',
      `${name}: its function returned ${shown(iterated)}, which can't be iterated`,
    )
  }
  try {
    if (Symbol.asyncIterator in iterated) {
      yield* readAhead(iterated as AsyncIterable<T>, signal)
    } else {
      yield* readNow(iterated as Iterable<T>, signal)
    }
  } catch (thrown) {
    throw new SemelError('SEMEL_SOURCE', `${name}: ${toError(thrown).message}`, { cause: thrown })
  }
}

function* readNow<T>(messages: Iterable<T>, signal: AbortSignal): Generator<SourceBatch<T>, void> {
  let offset = 0
  let rows: SourceRow<T>[] = []
  let failure: { thrown: unknown } | undefined
  const iterator = messages[Symbol.iterator]()
  let done = false
  try {
    while (!done && failure === undefined && !signal.aborted) {
      try {
        while (rows.length < batchRowsMax) {
          const result = iterator.next()
          done = result.done === true
          if (result.done === true) break
          rows.push({ message: result.value, offset: ++offset })
        }
      } catch (thrown) {
        failure = { thrown }
      }
      if (rows.length > 0) yield { partition, rows, offset }
      rows = []
    }
    if (failure !== undefined) throw failure.thrown
  } finally {
    if (!done && failure === undefined) iterator.return?.()
  }
}

/**
 * Takes messages as they come, while the caller is busy with those before: what has come in when it
 * asks again is its next batch, so a slow iterable gives each message at once, a fast one gives many.
 */
async function* readAhead<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<SourceBatch<T>, void> {
  const arrivals = new Arrivals(messages[Symbol.asyncIterator]())
  const onAbort = (): void => arrivals.stop()
  signal.addEventListener('abort', onAbort)
  try {
    for (;;) {
      arrivals.run()
      await arrivals.somethingCame()
      // What can come without waiting for the outside world comes before this resolves.
      await turn()
      const rows = arrivals.take()
      if (rows.length > 0) yield { partition, rows, offset: arrivals.offset }
      else if (arrivals.over) break
    }
    if (arrivals.failure !== undefined) throw arrivals.failure.thrown
  } finally {
    signal.removeEventListener('abort', onAbort)
    arrivals.stop()
  }
}

class Arrivals<T> {
  readonly #iterator: AsyncIterator<T>
  #rows: SourceRow<T>[] = []
  #came = 0
  #running = false
  #stopped = false
  #ended = false
  #wake: (() => void) | undefined
  /** How many messages `take` has given. */
  offset = 0
  /** What the iterable threw. */
  failure: { readonly thrown: unknown } | undefined

  constructor(iterator: AsyncIterator<T>) {
    this.#iterator = iterator
  }

  /** Whether nothing more will come. */
  get over(): boolean {
    return this.#ended || this.#stopped
  }

  /** Goes on taking messages until the batch is full. */
  run(): void {
    if (this.#running || this.over) return
    this.#running = true
    void this.#pump()
  }

  async somethingCame(): Promise<void> {
    if (this.#rows.length > 0 || this.over) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  take(): readonly SourceRow<T>[] {
    const rows = this.#rows
    this.#rows = []
    this.offset = this.#came
    return rows
  }

  stop(): void {
    if (this.over) return
    this.#stopped = true
    // Not waited for: behind a message that never comes, it never ends.
    const finish = async (): Promise<unknown> => this.#iterator.return?.()
    void finish().catch(() => {})
    this.#wake?.()
  }

  async #pump(): Promise<void> {
    try {
      while (this.#rows.length < batchRowsMax && !this.#stopped) {
        const result = await this.#iterator.next()
        if (result.done === true) {
          this.#ended = true
          break
        }
        this.#rows.push({ message: result.value, offset: ++this.#came })
        this.#wake?.()
      }
    } catch (thrown) {
      this.#ended = true
      this.failure = { thrown }
    }
    this.#running = false
    this.#wake?.()
  }
}

function isIterable(value: unknown): value is AnyIterable<unknown> {
  if (typeof value === 'string') return true
  if (typeof value !== 'object' || value === null) return false
  return Symbol.asyncIterator in value || Symbol.iterator in value
}
