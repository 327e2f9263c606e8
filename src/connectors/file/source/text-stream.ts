import type { Readable } from 'node:stream'
import type { Source, SourceBatch, SourceContext, SourceRow } from '../../../core/source.js'
import { sourceError } from '../errors.js'
import { fileStart, LineReader, type Bytes } from '../rows/line-reader.js'
import { refuseBinary } from './magic.js'
import { rowReader, type FileFormat, type PartitionOptions } from './partition.js'
import { checkSourceOptions, type FileSourceOptions } from './source.js'

/**
 * Rows of a text that comes as a stream, such as standard input: read as a file is, but once, so it is
 * not resumable. What has come in is handed on at once. The end of a stream is known, so that the last
 * line is taken as it is.
 * @param name what reports call it, and its partition
 */
export function textStream(
  stream: Readable,
  name: string,
  options: Omit<FileSourceOptions, 'lastLine'> & { format: FileFormat },
): Source<unknown> {
  const checked = checkSourceOptions(name, { ...options, lastLine: 'take' })
  return Object.freeze({
    name,
    resumable: false,
    partitions: Object.freeze([name]),
    read: (context: SourceContext) => read(stream, name, checked, context),
  })
}

async function* read(
  stream: Readable,
  name: string,
  options: PartitionOptions,
  { signal }: SourceContext,
): AsyncGenerator<SourceBatch<unknown>, void> {
  if (signal.aborted) return
  // A read that waits for more ends, and with it the reading.
  const end = (): void => void stream.destroy()
  signal.addEventListener('abort', end)
  try {
    const bytes = new StreamBytes(stream, name)
    const lines = new LineReader(bytes, options.lineBytesMax, fileStart)
    const reader = await rowReader(name, bytes, lines, 0, options)
    let going = true
    while (going && !signal.aborted) {
      const rows: SourceRow<unknown>[] = []
      while (rows.length < options.batchRowsMax) {
        const row = reader.next()
        if (row === undefined) break
        rows.push(row)
      }
      const last = rows[rows.length - 1]
      if (last !== undefined) yield { partition: name, rows, offset: last.offset }
      else going = await lines.fill()
    }
  } catch (thrown) {
    if (!signal.aborted) throw sourceError(name, thrown)
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}

/** A stream as a file that is read from its start on, without going back. */
class StreamBytes implements Bytes {
  readonly #name: string
  readonly #chunks: AsyncIterator<Buffer | string>
  #chunk: Buffer = Buffer.alloc(0)
  #isChecked = false

  constructor(stream: Readable, name: string) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>
    this.#name = name
  }

  async read(into: Buffer, at: number, length: number): Promise<{ bytesRead: number }> {
    while (this.#chunk.length === 0) {
      const { value, done } = await this.#chunks.next()
      if (done === true) return { bytesRead: 0 }
      this.#chunk = Buffer.from(value)
      if (!this.#isChecked) refuseBinary(this.#name, this.#chunk)
      this.#isChecked = true
    }
    const bytesRead = this.#chunk.copy(into, at, 0, length)
    this.#chunk = this.#chunk.subarray(bytesRead)
    return { bytesRead }
  }
}
