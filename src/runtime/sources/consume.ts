import type { Envelope } from '../../codec/envelope.js'
import { InvalidArgumentError, SemelError } from '../../core/errors.js'
import type { Id, MalformedRow } from '../../core/message.js'
import { checkOptions, shown } from '../../core/options.js'
import type { Source, SourceBatch, SourceNotice, SourceRow } from '../../core/source.js'
import { sleep, Turns } from '../../core/timers.js'
import { addon } from '../../native/addon.js'
import type { Graph } from '../../pipeline/graph.js'
import { Heard } from './heard.js'
import type { Ingest } from '../door/ingest.js'
import type { Sender } from '../door/sender.js'
import type { Settings } from '../settings/options.js'
import { checkMessageOptions } from '../settings/send-options.js'
import { malformedPush, throwIfFailed } from './malformed.js'
import type { SourceClaims } from './source-claims.js'
import type { SourceOffsets } from './source-offsets.js'
import { findReading, type ReadPartition } from './source-reading.js'
import {
  iterableOf,
  checkBatch,
  checkSource,
  contentOf,
  readOf,
  refusedRow,
} from './source-rows.js'
import type { Origin } from '../door/staging.js'
import { untilEnded } from '../../core/until-ended.js'
import { throwIfAborted, type WaitOptions } from '../../core/wait.js'

export interface ConsumeProgress {
  /** Rows read so far, malformed ones included. */
  readonly rows: number
  readonly malformed: number
  /** How far the partitions have been read together, and their ends, in the source's unit. */
  readonly offset: number
  /** 0 where the source does not tell. */
  readonly size: number
}

export interface ConsumeOptions {
  /**
   * Ends reading after the batch at hand, or at a row where there is no room for it; what was read is
   * stored, and what was not is read again. A source that does not end by itself within a second is
   * left.
   */
  signal?: AbortSignal
  /**
   * Called after each batch; what it throws ends the reading. Of a promise that it answers, a rejection
   * does so at the next batch.
   */
  onProgress?: (progress: ConsumeProgress) => void
  /**
   * Called with what the source has to tell people: bytes left for the next reading, content that has
   * been replaced.
   * @default warnings become warnings of the process, and the others are not told
   */
  onNotice?: (notice: SourceNotice) => void
}

export interface Consumed {
  /** Rows that were read now, malformed ones included; not those that earlier runs had stored. */
  readonly rows: number
  readonly malformed: number
}

/** Shards that a source's messages go to. */
export interface Destination {
  readonly handle: number
  readonly graph: Graph
  readonly settings: Settings
  readonly ingest: Ingest
  readonly sender: Sender
  readonly ready: (options: WaitOptions) => Promise<void>
  /** Until what was taken before is stored. */
  readonly flush: (options: WaitOptions) => Promise<void>
  /** @throws SemelError where the stream takes nothing any more */
  readonly check: () => void
  /** Given when that is so. */
  readonly over: AbortSignal
  /** Of the open stream: what all of its readings have stored. */
  readonly offsets: SourceOffsets
  readonly claims: SourceClaims
}

export interface ConsumeParts {
  /** Of the pipeline. */
  readonly name: string
  readonly source: Source<unknown>
  readonly options: ConsumeOptions
  /** One, or one for each class of messages; the strictest first. */
  readonly destinations: readonly Destination[]
  /** The message as operators will see it. */
  readonly check: (message: unknown) => unknown
  /** The number of a checked message's destination. */
  readonly classOf: (checked: unknown) => number
}

/** A destination, and what it has of the batch that is being read. */
interface Target extends Omit<Destination, 'ready'> {
  readonly ready: () => Promise<void>
  /** Its number for the partition. */
  partition: number
  /** Of a source that can't be read again: the offset before those of the batch. */
  from: number
}

/** What is to be done with a row: a push that is tried until there is room. */
interface Taken {
  readonly rows: number
  readonly malformed: number
  readonly push: () => boolean
  readonly ready: () => Promise<void>
}

/** Batches between two offset frames, which tell every shard how far the source has been read. */
const batchesPerTelling = 32
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
  const targets = parts.destinations.map((destination): Target => ({
    ...destination,
    ready: () => destination.ready({ signal }),
    partition: 0,
    from: 0,
  }))
  const strictest = targets[0] as Target
  const heard = new Heard()
  const notice = (told: SourceNotice): void => heard.note((options.onNotice ?? warn)(told))
  const offsets = targets.map((target) => target.offsets)
  const claim = await strictest.claims.hold(() => findReading(source, offsets, notice), signal)
  const turns = new Turns()
  const ends = new Map<string, { offset: number; size: number }>()
  let rows = 0
  let malformed = 0
  let batches = 0
  if (claim === undefined) {
    for (const target of targets) target.check()
    return { rows, malformed }
  }
  const { partitions, identified } = claim.found
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
      const partition = begin(batch)
      try {
        for (let at = 0; at < batch.rows.length; at++) {
          if (turns.isDue()) await turns.give()
          const row = batch.rows[at] as SourceRow<unknown>
          const taken = take(row, batch, at)
          while (!taken.push()) await taken.ready()
          rows += taken.rows
          malformed += taken.malformed
          partition.reached = row.offset
        }
        partition.reached = batch.offset
      } finally {
        if (source.resumable) passed(partition)
      }
      batches += 1
      if (batches % batchesPerTelling === 0) for (const target of targets) await tellReached(target)
      ends.set(batch.partition, { offset: batch.offset, size: batch.size ?? 0 })
      heard.note(options.onProgress?.(progress()))
    }
    heard.throwIfFailed()
    for (const target of targets) target.check()
    for (const target of targets) await tellReached(target)
  } catch (thrown) {
    for (const target of targets) tellReachedWhereThereIsRoom(target)
    // There was no room when the signal was given: what was not taken is read again.
    const isLeft = options.signal?.aborted === true && thrown === options.signal.reason
    if (isLeft) return { rows, malformed }
    if (thrown instanceof Error) throw thrown
    throw new SemelError('SEMEL_SOURCE', `${source.name}: what was thrown is no error`, {
      cause: thrown,
    })
  } finally {
    claim.release()
  }
  return { rows, malformed }

  /** Before anything of a batch is stored. */
  function begin(batch: SourceBatch<unknown>): ReadPartition {
    return readOf(source.name, 'a batch that it gave', () => checkedPartition(batch))
  }

  function checkedPartition(batch: SourceBatch<unknown>): ReadPartition {
    if (typeof batch !== 'object' || (batch as unknown) === null) {
      throw new SemelError(
        'SEMEL_SOURCE',
        `${source.name} gave ${shown(batch)}, where a batch is { partition, rows, offset }; correct the source`,
      )
    }
    const partition = partitions.get(batch.partition)
    if (partition === undefined) {
      throw new SemelError(
        'SEMEL_SOURCE',
        `the source gave a batch of the partition ${shown(batch.partition)}, which is not among its partitions`,
      )
    }
    checkBatch(source.name, batch, partition.reached)
    for (const [i, target] of targets.entries()) {
      const number = partition.numbers[i] as number
      target.partition = number
      if (!source.resumable) target.from = target.offsets.reserve(number, batch.rows.length)
      else target.offsets.begin(number, batch.offset)
      if (batch.identity !== undefined) target.offsets.identified(number, batch.identity)
    }
    return partition
  }

  function passed({ numbers, reached }: ReadPartition): void {
    for (const [i, of] of offsets.entries()) of.passed(numbers[i] as number, reached)
  }

  function take(row: SourceRow<unknown>, batch: SourceBatch<unknown>, at: number): Taken {
    const content = contentOf(source.name, row, at)
    if ('malformed' in content) return takeMalformed(content.malformed, row, at)
    const { message, headers } = content
    let checked: unknown
    let target: Target
    let shard: number
    let id: Id | undefined
    let envelope: Envelope | undefined
    try {
      checked = parts.check(message)
      target = targets[parts.classOf(checked)] as Target
      ;({ shard, id } = target.ingest.route(checked))
      if (headers !== undefined) envelope = checkMessageOptions({ headers }, 'row')
    } catch (error) {
      return takeMalformed(refusedRow(message, batch.partition, error), row, at)
    }
    const { ingest, ready } = target
    const origin = originOf(target, row, at)
    if (source.resumable && target.offsets.has(shard, origin)) return { ...had, ready }
    let unfit: (() => boolean) | undefined
    return {
      rows: 1,
      malformed: 0,
      push() {
        if (unfit !== undefined) return unfit()
        try {
          return ingest.pushTo(shard, id, checked, origin, envelope)
        } catch (error) {
          // Too large, or its id is none or can't be asked for: the row's fault, and so its end.
          throwIfFailed(ingest)
          malformed += 1
          const refused = refusedRow(message, batch.partition, error)
          unfit = malformedPush(ingest, refused, origin, shard)
          return unfit()
        }
      },
      ready,
    }
  }

  /** Whose class can't be known is of the strictest: nothing is lost there. */
  function takeMalformed(unread: MalformedRow, row: SourceRow<unknown>, at: number): Taken {
    const { ingest, settings, ready } = strictest
    const origin = originOf(strictest, row, at)
    const shard = origin.offset % settings.shards
    if (source.resumable && strictest.offsets.has(shard, origin)) return { ...had, ready }
    return { rows: 1, malformed: 1, push: malformedPush(ingest, unread, origin, shard), ready }
  }

  function originOf(target: Target, { offset }: SourceRow<unknown>, at: number): Origin {
    const { partition, from } = target
    return { partition, offset: source.resumable ? offset : from + at + 1 }
  }

  /** Tells every shard how far the source has been read, so that an idle one does not hold it back. */
  async function tellReached(target: Target): Promise<void> {
    const { handle, settings, ingest, ready } = target
    while (!ingest.flush()) await ready()
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

  function progress(): ConsumeProgress {
    let offset = 0
    let size = 0
    for (const end of ends.values()) {
      offset += end.offset
      size += end.size
    }
    return { rows, malformed, offset, size }
  }
}

/** Of a row that is stored already. */
const had = { rows: 0, malformed: 0, push: () => true } as const

/** A stream that reads what it writes has no end. */
function refuseOwnOutput({ name, files = [] }: Source<unknown>, parts: ConsumeParts): void {
  for (const { handle, graph } of parts.destinations) {
    for (const path of files) {
      if (!addon().writesFile(handle, path)) continue
      throw new InvalidArgumentError(
        `consume: the source ${name} reads ${path}, and the sink ${graph.sink.name} of this stream writes the same file; give one of them another`,
      )
    }
  }
}

function warn({ code, message, warning }: SourceNotice): void {
  if (warning) process.emitWarning(message, { type: 'SemelWarning', code })
}
