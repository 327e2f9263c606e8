import type { ConsumeProgress, Source, SourceNotice, Stream } from '../../index.js'
import type { StopSignals } from '../stop-signals.js'
import { waitingFor } from '../waiting-for.js'

export interface RunParts {
  readonly stream: Stream<unknown>
  readonly source: Source<unknown>
  readonly stop: StopSignals
  /** How long a signal waits for what is in flight. */
  readonly closeTimeoutMs: number
  readonly onProgress: (progress: ConsumeProgress) => void
  readonly onNotice: (notice: SourceNotice) => void
}

const pollMs = 5

/**
 * Sends the source through the stream, to the last outcome. A signal ends the reading; what is in flight
 * then has until the deadline, and what is parked stays in the directory.
 * @returns false where the deadline has passed and messages are still in flight
 * @throws SemelError why the source or the stream failed
 */
export async function runToEnd(parts: RunParts): Promise<boolean> {
  const { stop, closeTimeoutMs } = parts
  if (stop.signal.aborted) return true
  // Nothing below may outlast the deadline: a sink that hangs holds up reading and draining alike.
  const work = readAndDrain(parts)
  work.catch(() => {})
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<false>((resolve) => {
    stop.signal.addEventListener('abort', () => {
      timer = setTimeout(() => resolve(false), closeTimeoutMs)
    })
  })
  try {
    return await Promise.race([work.then(() => true), expired])
  } finally {
    clearTimeout(timer)
  }
}

async function readAndDrain({ stream, source, stop, ...on }: RunParts): Promise<void> {
  const { signal } = stop
  await waitingFor(
    `the next batch of the source ${source.name}`,
    stream.consume(source, { signal, onProgress: on.onProgress, onNotice: on.onNotice }),
  )
  if (!signal.aborted) {
    try {
      await stream.drain({ signal })
      return
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
    }
  }
  const enough = new AbortController()
  const timer = setInterval(() => {
    if (stream.counters().inFlight === 0) enough.abort()
  }, pollMs)
  try {
    await stream.drain({ signal: enough.signal })
  } catch (error) {
    if (error !== enough.signal.reason) throw error
  } finally {
    clearInterval(timer)
  }
}
