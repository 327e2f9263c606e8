import { Writable, type WritableOptions } from 'node:stream'
import { WritableStream, type QueuingStrategy } from 'node:stream/web'
import { toError } from '../../core/errors.js'
import { Turns } from '../../core/waiting/timers.js'
import type { WaitOptions } from '../../core/waiting/wait.js'

/** What the writables need of a stream. */
interface Taker<In> {
  push(message: In): boolean
  ready(options?: WaitOptions): Promise<void>
  flush(options?: WaitOptions): Promise<void>
}

async function take<In>(
  stream: Taker<In>,
  message: In,
  turns: Turns,
  signal: AbortSignal,
): Promise<void> {
  // A source that is always ready, before a stream that always has room, would stop the event loop.
  if (turns.isDue()) await turns.give()
  signal.throwIfAborted()
  while (!stream.push(message)) await stream.ready({ signal })
}

export function nodeWritable<In>(stream: Taker<In>, options: WritableOptions): Writable {
  const ended = new AbortController()
  const turns = new Turns()
  return new Writable({
    ...options,
    objectMode: true,
    write(message: In, _encoding, done) {
      try {
        if (!turns.isDue() && stream.push(message)) {
          done()
          return
        }
      } catch (error) {
        done(toError(error))
        return
      }
      take(stream, message, turns, ended.signal).then(() => done(), done)
    },
    final(done) {
      stream.flush({ signal: ended.signal }).then(() => done(), done)
    },
    destroy(error, done) {
      ended.abort(error ?? undefined)
      done(error)
    },
  })
}

export function webWritable<In>(
  stream: Taker<In>,
  strategy: QueuingStrategy<In> | undefined,
): WritableStream<In> {
  const turns = new Turns()
  let ended = new AbortController().signal
  return new WritableStream<In>(
    {
      start(controller) {
        // Node has it from 18 on, though its types have not.
        ended = (controller as unknown as { readonly signal: AbortSignal }).signal
      },
      write: (message) => take(stream, message, turns, ended),
      close: () => stream.flush({ signal: ended }),
    },
    strategy,
  )
}
