import type { Stream } from '../../index.js'
import { oneLine } from '../failures.js'
import { elapsedText } from '../text.js'

const deadLettersShown = 3

const stalls = {
  parked: 'as many messages are parked as may be (parkedMax); it goes on when some have ended',
  ids: 'as many ids are known as may be (maxIds); it goes on when the oldest leave the window',
  outputs: 'nobody reads its outputs; it goes on when somebody does',
} as const

/**
 * Says what a stream has to say while it runs, a line each.
 * @returns the first few dead letters, filled as they come
 */
export function warnOf(stream: Stream<unknown>, say: (line: string) => void): readonly string[] {
  const deadLetters: string[] = []
  stream.on('dead-letter', ({ shard, sequence, error }) => {
    if (deadLetters.length < deadLettersShown) {
      deadLetters.push(`shard ${shard}, sequence ${sequence}: ${oneLine(error)}`)
    }
  })
  stream.on('sink-failed', ({ shard, error, attempt, retryInMs }) => {
    // The 1st, 2nd, 4th, 8th …: a sink may be down for hours.
    if ((attempt & (attempt - 1)) !== 0) return
    say(
      `semel: SEMEL_SINK_FAILED: shard ${shard}: ${oneLine(error)}; attempt ${attempt + 1} in ${elapsedText(retryInMs)}`,
    )
  })
  stream.on('sink-refused', ({ shard, sequence, sink, error }) => {
    say(
      `semel: SEMEL_SINK_REFUSED: shard ${shard}, sequence ${sequence}: ${sink} does not take it: ${oneLine(error)}`,
    )
  })
  stream.on('unavailable', ({ shard, error, attempt, retryInMs }) => {
    if ((attempt & (attempt - 1)) !== 0) return
    say(
      `semel: SEMEL_UNAVAILABLE: shard ${shard}: ${oneLine(error)}; it goes on in ${elapsedText(retryInMs)}`,
    )
  })
  stream.on('stalled', ({ shard, reason }) => {
    say(`semel: SEMEL_STALLED: shard ${shard} takes no messages: ${stalls[reason]}`)
  })
  stream.on('worker-replaced', ({ worker, error }) => {
    say(
      `semel: SEMEL_WORKER_REPLACED: worker ${worker} died and has been replaced: ${oneLine(error)}`,
    )
  })
  return deadLetters
}
