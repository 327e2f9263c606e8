import type { MalformedRow } from '../../src/core/message.js'
import type { KnownPartition, Source, SourceNotice } from '../../src/core/source.js'

/** What one reading has brought. */
export interface Read {
  readonly messages: unknown[]
  readonly malformed: MalformedRow[]
  readonly notices: SourceNotice[]
  /** The names of the partitions that had rows, in order. */
  readonly partitions: string[]
}

/** What a stream's directory does for a resumable source: it keeps identities and offsets. */
export class Keeper {
  readonly known: { name: string; identity: unknown; offset: number }[] = []

  /** Reads what is new; `batches`: no more than so many, as if the reading had failed behind them. */
  async read(source: Source<unknown>, batches = Infinity): Promise<Read> {
    const read: Read = { messages: [], malformed: [], notices: [], partitions: [] }
    const notice = (one: SourceNotice): void => void read.notices.push(one)
    const known = this.known.map((one): KnownPartition => ({ ...one }))
    const identified = (await source.identify?.(known, { notice })) ?? []
    const numbers = new Map<string, number>()
    for (const { name, is, identity } of identified) {
      const place = is.toSorted((a, b) => this.#offset(b) - this.#offset(a))[0]
      const number = place ?? this.known.push({ name, identity, offset: 0 }) - 1
      Object.assign(this.known[number] as object, { name, identity })
      numbers.set(name, number)
    }
    const offsets = new Map([...numbers].map(([name, number]) => [name, this.#offset(number)]))
    const { signal } = new AbortController()
    let left = batches
    for await (const batch of source.read({ offsets, identified, signal, notice })) {
      if (left-- === 0) break
      const kept = this.known[numbers.get(batch.partition) as number] as (typeof this.known)[0]
      if (batch.identity !== undefined) kept.identity = batch.identity
      kept.offset = Number(batch.offset)
      if (read.partitions.at(-1) !== batch.partition) read.partitions.push(batch.partition)
      for (const row of batch.rows) {
        if ('message' in row) read.messages.push(row.message)
        else read.malformed.push(row.malformed)
      }
    }
    return read
  }

  #offset(number: number): number {
    return this.known[number]?.offset ?? 0
  }
}
