import { InvalidArgumentError, SemelError, toError } from '../core/errors.js'
import type { MalformedRow } from '../core/message.js'
import { checkOptions, shown } from '../core/options.js'
import type { Source, SourceBatch, SourceRow } from '../core/source.js'
import { addon, type NativeRecovery } from '../native/addon.js'
import type { Graph } from '../pipeline/graph.js'
import type { Ingest } from './ingest.js'
import type { Settings } from './options.js'
import { SourceOffsets } from './source-offsets.js'

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
  /** Ends reading after the batch at hand; what was read is stored. */
  signal?: AbortSignal
  /** Called after each batch. */
  onProgress?: (progress: ConsumeProgress) => void
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
  readonly segmentBytes: number
  readonly recovered: readonly NativeRecovery[]
  readonly ingest: Ingest
  readonly ready: () => Promise<void>
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

/** A destination, and what it has of the source. */
interface Target extends Destination {
  readonly offsets: SourceOffsets
  /** Its number for the partition that is being read. */
  partition: number
}

/** What is to be done with a row: a push that is tried until there is room. */
interface Taken {
  readonly rows: number
  readonly malformed: number
  readonly push: () => boolean
  readonly ready: () => Promise<void>
}

/** Batches between two marks in every shard of how far the source has been read. */
const batchesPerMark = 32
const textLengthMax = 65_536

/**
 * Reads a source into the stream. Each message is stored with its place; a shard skips what it has
 * stored already, and reading starts at the place that every shard has passed.
 */
export async function consume(parts: ConsumeParts): Promise<Consumed> {
  const { options } = parts
  const source = checkSource(parts.source)
  checkOptions<ConsumeOptions>(options, 'consume', ['signal', 'onProgress'])
  if (parts.destinations.some(({ graph }) => graph.deliver.producer !== undefined)) {
    throw new InvalidArgumentError(
      `consume: the pipeline ${parts.name} knows copies by its producers' numbers, and a source keeps its own; use send or push, or deliver with { id, window }`,
    )
  }
  refuseOwnOutput(source, parts)
  const targets = parts.destinations.map((destination): Target => ({
    ...destination,
    offsets: new SourceOffsets(destination, source),
    partition: 0,
  }))
  const signal = options.signal ?? new AbortController().signal
  const ends = new Map<string, { offset: number; size: number }>()
  let rows = 0
  let malformed = 0
  let batches = 0
  for await (const batch of source.read({ offsets: startOf(targets), signal })) {
    for (const target of targets) {
      target.partition = target.offsets.partition(batch.partition)
      target.offsets.beforeBatch(target.partition, batch.offset)
    }
    for (const row of batch.rows) {
      const taken = take(row, batch)
      rows += taken.rows
      malformed += taken.malformed
      while (!taken.push()) await taken.ready()
    }
    for (const { offsets, partition } of targets) offsets.passed(partition, batch.offset)
    batches += 1
    if (batches % batchesPerMark === 0) for (const target of targets) await mark(target)
    ends.set(batch.partition, { offset: batch.offset, size: batch.size ?? 0 })
    options.onProgress?.(progress())
  }
  for (const target of targets) await mark(target)
  return { rows, malformed }

  function take(row: SourceRow<unknown>, batch: SourceBatch<unknown>): Taken {
    if ('malformed' in row) return takeMalformed(row.malformed, row)
    let checked: unknown
    let target: Target
    let shard: number
    try {
      checked = parts.check(row.message)
      target = targets[parts.classOf(checked)] as Target
      shard = target.ingest.route(checked)
    } catch (error) {
      return takeMalformed(refusal(row.message, batch, error), row)
    }
    const { ingest, offsets, partition, ready } = target
    const origin = { partition, offset: row.offset }
    if (offsets.has(shard, origin)) return { ...had, ready }
    let unfit: (() => boolean) | undefined
    return {
      rows: 1,
      malformed: 0,
      push() {
        if (unfit !== undefined) return unfit()
        try {
          return ingest.pushTo(shard, checked, origin)
        } catch (error) {
          if (!(error instanceof SemelError) || isFinal(error)) throw error
          // Too large, or its id is none: the row's fault, and so its end.
          malformed += 1
          unfit = () => ingest.pushMalformed(refusal(row.message, batch, error), origin, shard)
          return unfit()
        }
      },
      ready,
    }
  }

  /** Whose class can't be known is of the strictest: nothing is lost there. */
  function takeMalformed(row: MalformedRow, { offset }: SourceRow<unknown>): Taken {
    const { ingest, offsets, partition, settings, ready } = targets[0] as Target
    const origin = { partition, offset }
    const shard = offset % settings.shards
    if (offsets.has(shard, origin)) return { ...had, ready }
    return { rows: 1, malformed: 1, push: () => ingest.pushMalformed(row, origin, shard), ready }
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

/** Of a row that an earlier run has stored. */
const had = { rows: 0, malformed: 0, push: () => true } as const

/** From where every target needs the rows. */
function startOf(targets: readonly Target[]): ReadonlyMap<string, number> {
  const start = new Map<string, number>()
  for (const { offsets } of targets) {
    for (const [name, offset] of offsets.start()) {
      start.set(name, Math.min(offset, start.get(name) ?? Infinity))
    }
  }
  return start
}

/** Tells every shard how far the source has been read, so that an idle one does not hold it back. */
async function mark({ handle, settings, ingest, offsets, ready }: Target): Promise<void> {
  while (!ingest.flush()) await ready()
  for (const { partition, offset } of offsets.unmarked()) {
    for (let shard = 0; shard < settings.shards; shard++) {
      while (!addon().appendOffset(handle, shard, partition, offset)) await pause()
    }
  }
}

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

function checkSource(source: unknown): Source<unknown> {
  const { name, partitions, read } = (source ?? {}) as Partial<Source<unknown>>
  if (typeof name === 'string' && Array.isArray(partitions) && typeof read === 'function') {
    return source as Source<unknown>
  }
  throw new InvalidArgumentError(
    `consume: ${shown(source)} is not a source; give one such as fileSource('in.ndjson') or iterable(…)`,
  )
}

/** Errors of the stream, not of the row. */
function isFinal(error: SemelError): boolean {
  return error.code !== 'SEMEL_TOO_LARGE' && error.code !== 'SEMEL_INVALID_ARGUMENT'
}

function refusal(message: unknown, batch: SourceBatch<unknown>, error: unknown): MalformedRow {
  let text: string
  try {
    text = JSON.stringify(message) ?? String(message)
  } catch {
    text = String(message)
  }
  return {
    text: text.slice(0, textLengthMax),
    line: 0,
    reason: `${batch.partition}: ${toError(error).message}`,
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1)
  })
}
