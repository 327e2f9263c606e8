import type { MalformedRow } from '../../core/message.js'
import type { Ingest } from '../door/ingest.js'
import type { Origin } from '../door/staging.js'
import { shortened } from './source-rows.js'

/** A push of a row that ends as a dead letter; it is made smaller until the stream takes it. */
export function malformedPush(
  ingest: Ingest,
  row: MalformedRow,
  origin: Origin,
  shard: number,
): () => boolean {
  let kept = row
  return () => {
    for (;;) {
      try {
        return ingest.pushMalformed(kept, origin, shard)
      } catch (error) {
        throwIfFailed(ingest)
        if (kept.text === '') throw error
        kept = shortened(kept, kept.text.length >>> 4)
      }
    }
  }
}

/** Tells errors of the stream from those of a row: asking for room throws the former again. */
export function throwIfFailed(ingest: Ingest): void {
  ingest.hasRoom()
}
