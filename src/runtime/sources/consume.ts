import { InvalidArgumentError, SemelError } from '../../core/errors.js'
import type { Offset } from '../../core/offset.js'
import { checkOptions } from '../../core/options.js'
import type { Source, SourceBatch, SourceNotice } from '../../core/source.js'
import { nowMs, sleep } from '../../core/waiting/timers.js'
import { addon } from '../../native/addon.js'
import { sinkNames } from '../../pipeline/graph.js'
import { Heard } from './heard.js'
import type { Consumed, ConsumeOptions, ConsumeParts, ConsumeProgress } from './consumption.js'
import { RowTaker, type Target } from './row-taker.js'
import { findReading, type ReadPartition } from './source-reading.js'
import { checkSource, iterableOf } from './source-rows.js'
import type { Origin } from '../door/staging.js'
import { untilEnded } from '../../core/waiting/until-ended.js'
import { throwIfAborted } from '../../core/waiting/wait.js'

/** How long at least between two marks, which tell every shard how far the source has been read. */
const tellMs = 10
/** How long to wait for room in a shard's ring. */
const roomMs = 1
/** What a source has to end by itself after the signal. */
const endMsMax = 1000

/**
 * Reads a source into the stream. Each message is stored with its offset; a shard skips what it has
 * stored already, and reading starts at the offset that every shard has passed, in this opening of the
 * stream or before. So a reading goes on where the one before it has ended, however that was. Two side
 * by side take turns where they read the same partition of a resumable source.
 *
 * Where a source can't be read again, each reading of it is of new messages.
 */
export async function consume(parts: ConsumeParts): Promise<Consumed> {
  const { options } = parts
  const source = checkSource(parts.source)
  checkOptions<ConsumeOptions>(options, 'consume', ['signal', 'onProgress', 'onNotice'])
  refuseOwnOutput(source, parts)
  const over = parts.destinations.map((destination) => destination.over)
  const signal = AbortSignal.any(options.signal === undefined ? over : [options.signal, ...over])
  const taker = new RowTaker({ ...parts, source: source.name, isResumable: source.resumable })
  const { targets, strictest } = taker
  const heard = new Heard()
  const notice = (told: SourceNotice): void => heard.note((options.onNotice ?? warn)(told))
  const offsets = targets.map((target) => target.offsets)
  const claim = await strictest.claims.hold(() => findReading(source, offsets, notice), signal)
  const ends = new Map<string, { offset: Offset; size: Offset }>()
  let toldMs = nowMs()
  if (claim === undefined) {
    for (const target of targets) target.check()
    return { rows: 0, malformed: 0 }
  }
  const { partitions, identified } = claim.found
  const consumed = (): Consumed => ({ rows: taker.rows, malformed: taker.malformed })
  try {
    const starts = source.resumable ? [...partitions.values()] : []
    const context = {
      offsets: new Map(starts.map(({ name, reached }) => [name, reached])),
      signal,
      notice,
      ...(identified === undefined ? {} : { identified }),
    }
    const given = iterableOf<SourceBatch<unknown>>(source.name, source.read(context))
    for await (const batch of untilEnded(given, signal, endMsMax)) {
      heard.throwIfFailed()
      for (const target of targets) target.check()
      const partition = taker.begin(batch, (name) => partitions.get(name)) as ReadPartition
      await taker.take(batch, partition, { signal })
      if (nowMs() - toldMs >= tellMs) {
        for (const target of targets) await tellReached(target)
        toldMs = nowMs()
      }
      ends.set(batch.partition, { offset: batch.offset, size: batch.size ?? 0 })
      heard.note(options.onProgress?.({ ...consumed(), ...together(ends.values()) }))
    }
    heard.throwIfFailed()
    for (const target of targets) target.check()
    for (const target of targets) await tellReached(target)
  } catch (thrown) {
    for (const target of targets) tellReachedWhereThereIsRoom(target)
    // There was no room when the signal was given: what was not taken is read again.
    const isLeft = options.signal?.aborted === true && thrown === options.signal.reason
    if (isLeft) return consumed()
    if (thrown instanceof Error) throw thrown
    throw new SemelError('SEMEL_SOURCE', `${source.name}: what was thrown is no error`, {
      cause: thrown,
    })
  } finally {
    claim.release()
  }
  return consumed()

  /** Tells every shard how far the source has been read, so that an idle one does not hold it back. */
  async function tellReached(target: Target): Promise<void> {
    const { handle, settings, ingest, ready } = target
    while (!ingest.flush()) await ready({ signal })
    for (const origin of untold(target)) {
      for (let shard = 0; shard < settings.shards; shard++) {
        while (!addon().appendOffset(handle, shard, origin.partition, origin.offset)) {
          throwIfAborted(signal)
          await sleep(roomMs, { signal })
        }
      }
      target.offsets.told(origin)
    }
  }

  /** Behind a failure, which is to be told: nobody waits for room then. */
  function tellReachedWhereThereIsRoom(target: Target): void {
    const { handle, settings, ingest } = target
    if (!ingest.flush()) return
    for (const { partition, offset } of untold(target)) {
      for (let shard = 0; shard < settings.shards; shard++) {
        if (!addon().appendOffset(handle, shard, partition, offset)) return
      }
    }
  }

  function untold(target: Target): Origin[] {
    const i = targets.indexOf(target)
    const own = [...partitions.values()].map(({ numbers }) => numbers[i] as number)
    return target.offsets.untold(own)
  }
}

/** How far the partitions are, and where they end; a sum, which is for people. */
export function together(
  ends: Iterable<{ readonly offset: Offset; readonly size: Offset }>,
): Pick<ConsumeProgress, 'offset' | 'size'> {
  let offset = 0
  let size = 0
  for (const end of ends) {
    offset += Number(end.offset)
    size += Number(end.size)
  }
  return { offset, size }
}

/** A stream that reads what it writes has no end. */
function refuseOwnOutput({ name, files = [] }: Source<unknown>, parts: ConsumeParts): void {
  for (const { handle, graph } of parts.destinations) {
    for (const path of files) {
      if (!addon().writesFile(handle, path)) continue
      throw new InvalidArgumentError(
        `consume: the source ${name} reads ${path}, and the sink ${sinkNames(graph)} of this stream writes the same file; give one of them another`,
      )
    }
  }
}

function warn({ code, message, warning }: SourceNotice): void {
  if (warning) process.emitWarning(message, { type: 'SemelWarning', code })
}
