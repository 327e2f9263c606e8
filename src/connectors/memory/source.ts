import { InvalidArgumentError, SemelError } from '../../core/errors.js'
import { checkOptions, shown, wholeNumber } from '../../core/options.js'
import type { Source, SourceBatch, SourceContext } from '../../core/source.js'

export interface MemorySourceOptions {
  /**
   * The most messages that are handed on at once, from 1 to 1024.
   * @default 1024
   */
  batch?: number
}

const partition = 'memory'

/**
 * Messages from an array, for tests. Resumable: an offset is an index, so the array may grow between
 * two runs. Messages are handed on as they are, without a copy.
 *
 * @throws InvalidArgumentError for what is no array. When it is read: SemelError
 * `SEMEL_SOURCE_TRUNCATED` where the array has become shorter than what was read of it before
 * @example await stream.consume(memorySource([{ id: 1 }, { id: 2 }]))
 */
export function memorySource<T>(messages: readonly T[], options?: MemorySourceOptions): Source<T> {
  if (!Array.isArray(messages)) {
    throw new InvalidArgumentError(
      `memorySource: ${shown(messages)} is not an array; for anything else take iterableSource(…)`,
    )
  }
  const given = checkOptions<MemorySourceOptions>(options, 'memorySource', ['batch'])
  const batchRowsMax = wholeNumber(given.batch ?? 1024, 'memorySource.batch', 1, 1024)
  return Object.freeze({
    name: 'memory',
    resumable: true,
    partitions: Object.freeze([partition]),
    read: (context: SourceContext) => read(messages, batchRowsMax, context),
  })
}

async function* read<T>(
  messages: readonly T[],
  batchRowsMax: number,
  { offsets, signal }: SourceContext,
): AsyncGenerator<SourceBatch<T>, void> {
  let offset = Number(offsets.get(partition) ?? 0)
  if (offset > messages.length) {
    throw new SemelError(
      'SEMEL_SOURCE_TRUNCATED',
      `memory has ${messages.length} messages, but ${offset} of it have been read before; give the same array, or open the stream with another directory to begin anew`,
    )
  }
  while (offset < messages.length && !signal.aborted) {
    const rows = messages
      .slice(offset, offset + batchRowsMax)
      .map((message, i) => ({ message, offset: offset + i + 1 }))
    offset += rows.length
    yield { partition, rows, offset, size: messages.length }
  }
}
