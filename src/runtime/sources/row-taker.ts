import type { Envelope } from '../../codec/envelope.js'
import { SemelError } from '../../core/errors.js'
import type { Id, MalformedRow } from '../../core/message.js'
import { asOffset, type Offset } from '../../core/offset.js'
import { shown } from '../../core/options.js'
import type { SourceBatch, SourceRow } from '../../core/source.js'
import { Turns } from '../../core/waiting/timers.js'
import type { Origin } from '../door/staging.js'
import type { ConsumeParts, Destination } from './consumption.js'
import { checkMessageOptions } from '../settings/send-options.js'
import { malformedPush, throwIfFailed } from './malformed.js'
import type { ReadPartition } from './source-reading.js'
import { checkBatch, contentOf, readOf, refusedRow } from './source-rows.js'

export interface RowTakerParts extends Pick<ConsumeParts, 'destinations' | 'check' | 'classOf'> {
  /** The source's name. */
  readonly source: string
  /** Whether an offset always means the same row. */
  readonly isResumable: boolean
}

/** A destination, and what it has of the batch that is being read. */
export interface Target extends Destination {
  /** Its number for the partition. */
  partition: number
  /** Of a source that can't be read again: the offset before those of the batch. */
  from: number
}

/** What is to be done with a row: a push that is tried until there is room. */
interface Taken {
  readonly target: Target
  readonly shard: number
  readonly rows: number
  readonly malformed: number
  readonly push: () => boolean
}

/** How the rows of a batch are taken. */
export interface Taking {
  /** Ends the waiting for room. */
  readonly signal: AbortSignal
  /** Whether no more of them are to be taken. */
  readonly isLeft?: () => boolean
  /** A row has gone to this shard of this destination. */
  readonly touched?: (destination: number, shard: number) => void
}

/** Checks the batches of a source, and hands their rows in, each with its offset. */
export class RowTaker {
  rows = 0
  malformed = 0
  readonly targets: readonly Target[]
  readonly #parts: RowTakerParts
  readonly #turns = new Turns()

  constructor(parts: RowTakerParts) {
    this.#parts = parts
    this.targets = parts.destinations.map((of): Target => ({ ...of, partition: 0, from: 0 }))
  }

  /** Of them the one that is promised most. */
  get strictest(): Target {
    return this.targets[0] as Target
  }

  /**
   * Looks at a batch before anything of it is stored.
   * @param partitionOf those that it may be of; what is of one that is gone is left out
   * @returns undefined where it is
   * @throws SemelError `SEMEL_SOURCE` where it breaks the contract
   */
  begin<P extends ReadPartition>(
    batch: SourceBatch<unknown>,
    partitionOf: (name: string) => P | 'gone' | undefined,
  ): P | undefined {
    const { source } = this.#parts
    return readOf(source, 'a batch that it gave', () => {
      if (typeof batch !== 'object' || (batch as unknown) === null) {
        throw new SemelError(
          'SEMEL_SOURCE',
          `${source} gave ${shown(batch)}, where a batch is { partition, rows, offset }; correct the source`,
        )
      }
      const partition = partitionOf(batch.partition)
      if (partition === undefined) {
        throw new SemelError(
          'SEMEL_SOURCE',
          `the source gave a batch of the partition ${shown(batch.partition)}, which is not among its partitions`,
        )
      }
      if (partition === 'gone') return undefined
      checkBatch(source, batch, partition.reached)
      this.#begin(batch, partition)
      return partition
    })
  }

  #begin(batch: SourceBatch<unknown>, { numbers }: ReadPartition): void {
    for (const [i, target] of this.targets.entries()) {
      const number = numbers[i] as number
      target.partition = number
      if (!this.#parts.isResumable) target.from = target.offsets.reserve(number, batch.rows.length)
      else target.offsets.begin(number, batch.offset)
      if (batch.identity !== undefined) target.offsets.identified(number, batch.identity)
    }
  }

  /** Takes the rows of a batch that has begun, in order, and waits for room. */
  async take(
    batch: SourceBatch<unknown>,
    partition: ReadPartition,
    { signal, isLeft, touched }: Taking,
  ): Promise<void> {
    const { isResumable } = this.#parts
    try {
      for (let at = 0; at < batch.rows.length; at++) {
        if (this.#turns.isDue()) await this.#turns.give()
        if (isLeft?.() === true) return
        const row = batch.rows[at] as SourceRow<unknown>
        const taken = this.#take(row, batch, at)
        while (!taken.push()) {
          await taken.target.ready({ signal })
          if (isLeft?.() === true) return
        }
        touched?.(this.targets.indexOf(taken.target), taken.shard)
        this.rows += taken.rows
        this.malformed += taken.malformed
        partition.reached = canonical(row.offset)
      }
      partition.reached = canonical(batch.offset)
    } finally {
      if (isResumable) this.#passed(partition)
    }
  }

  #passed({ numbers, reached }: ReadPartition): void {
    for (const [i, { offsets }] of this.targets.entries()) {
      offsets.passed(numbers[i] as number, reached)
    }
  }

  #take(row: SourceRow<unknown>, batch: SourceBatch<unknown>, at: number): Taken {
    const { source, isResumable, check, classOf } = this.#parts
    const content = contentOf(source, row, at)
    if ('malformed' in content) return this.#takeMalformed(content.malformed, row, at)
    const { message, headers } = content
    let checked: unknown
    let target: Target
    let shard: number
    let id: Id | undefined
    let envelope: Envelope | undefined
    try {
      checked = check(message)
      target = this.targets[classOf(checked)] as Target
      ;({ shard, id } = target.ingest.route(checked))
      if (headers !== undefined) envelope = checkMessageOptions({ headers }, 'row')
    } catch (error) {
      return this.#takeMalformed(refusedRow(message, batch.partition, error), row, at)
    }
    const { ingest } = target
    const origin = this.#originOf(target, row, at)
    if (isResumable && target.offsets.has(shard, origin)) return { target, shard, ...had }
    let unfit: (() => boolean) | undefined
    return {
      target,
      shard,
      rows: 1,
      malformed: 0,
      push: () => {
        if (unfit !== undefined) return unfit()
        try {
          return ingest.pushTo(shard, id, checked, origin, envelope)
        } catch (error) {
          // Too large, or its id is none or can't be asked for: the row's fault, and so its end.
          throwIfFailed(ingest)
          this.malformed += 1
          const refused = refusedRow(message, batch.partition, error)
          unfit = malformedPush(ingest, refused, origin, shard)
          return unfit()
        }
      },
    }
  }

  /** Whose class can't be known is of the strictest: nothing is lost there. */
  #takeMalformed(unread: MalformedRow, row: SourceRow<unknown>, at: number): Taken {
    const target = this.strictest
    const { ingest, settings, offsets } = target
    const origin = this.#originOf(target, row, at)
    const shard = Number(BigInt(origin.offset) % BigInt(settings.shards))
    if (this.#parts.isResumable && offsets.has(shard, origin)) return { target, shard, ...had }
    const push = malformedPush(ingest, unread, origin, shard)
    return { target, shard, rows: 1, malformed: 1, push }
  }

  #originOf({ partition, from }: Target, { offset }: SourceRow<unknown>, at: number): Origin {
    return { partition, offset: this.#parts.isResumable ? canonical(offset) : from + at + 1 }
  }
}

/** Of a row that is stored already. */
const had = { rows: 0, malformed: 0, push: () => true } as const

/** Of an offset that was checked. */
function canonical(offset: Offset): Offset {
  return asOffset(offset) as Offset
}
