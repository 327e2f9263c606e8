import { Writable, type WritableOptions } from 'node:stream'
import { WritableStream, type QueuingStrategy } from 'node:stream/web'
import { toError } from '../core/errors.js'

/** What the writables need of a stream. */
interface Taker<In> {
  push(message: In): boolean
  ready(): Promise<void>
  flush(): Promise<void>
}

async function take<In>(stream: Taker<In>, message: In): Promise<void> {
  while (!stream.push(message)) await stream.ready()
}

export function nodeWritable<In>(stream: Taker<In>, options: WritableOptions): Writable {
  return new Writable({
    ...options,
    objectMode: true,
    write(message: In, _encoding, done) {
      try {
        if (stream.push(message)) {
          done()
          return
        }
      } catch (error) {
        done(toError(error))
        return
      }
      take(stream, message).then(() => done(), done)
    },
    final(done) {
      stream.flush().then(() => done(), done)
    },
  })
}

export function webWritable<In>(
  stream: Taker<In>,
  strategy: QueuingStrategy<In> | undefined,
): WritableStream<In> {
  return new WritableStream<In>(
    { write: (message) => take(stream, message), close: () => stream.flush() },
    strategy,
  )
}
