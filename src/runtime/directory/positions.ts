import { SemelError } from '../../core/errors.js'
import { asOffset, type Offset } from '../../core/offset.js'
import { positionsBytesMax } from '../../core/transactional.js'

/** How far a shard has a partition, as of a commit. */
export interface PartitionPosition {
  /** In the directory that made the commit. */
  readonly number: number
  readonly offset: Offset
  /** What the number stands for, as that directory's file `sources` had it; undefined where it did not. */
  readonly partition: unknown
}

/** What a commit's `positions` say. */
export interface Positions {
  readonly partitions: readonly PartitionPosition[]
  /** Partitions that found no room: then there are none of the others either. */
  readonly left: number
}

const format = 1
const none = new Uint8Array()

/**
 * Makes a commit's `positions`: JSON, since it is to be read when the directory is gone, and by later
 * versions. `{"format":1,"partitions":[[NUMBER, OFFSET, ENTRY], …]}`, an entry as in the file `sources`, an
 * offset from 2^53 on as a text; or `{"format":1,"left":COUNT}` where that were too long.
 */
export class PositionsWriter {
  readonly #readSources: () => Uint8Array
  #version: number | undefined
  #entries: readonly unknown[] = []
  /** By number: the entry's JSON. */
  #texts = new Map<number, string>()

  /** @param readSources the content of the file `sources` as it is by now */
  constructor(readSources: () => Uint8Array) {
    this.#readSources = readSources
  }

  /** @param version of the directory's small files: it is another one when any of them has changed */
  write(offsets: Readonly<Record<number, Offset>>, version: number): Uint8Array {
    const numbers = Object.keys(offsets)
    if (numbers.length === 0) return none
    this.#bringUp(version)
    const parts = numbers.map((number) => {
      const offset = offsets[Number(number)] as Offset
      const shown = typeof offset === 'bigint' ? `"${offset}"` : String(offset)
      return `[${number},${shown},${this.#textOf(Number(number))}]`
    })
    const bytes = Buffer.from(`{"format":${format},"partitions":[${parts.join(',')}]}`)
    if (bytes.length <= positionsBytesMax) return bytes
    return Buffer.from(JSON.stringify({ format, left: numbers.length }))
  }

  #bringUp(version: number): void {
    if (version === this.#version) return
    const bytes = this.#readSources()
    this.#entries = bytes.length === 0 ? [] : (JSON.parse(String(bytes)) as unknown[])
    this.#texts = new Map()
    this.#version = version
  }

  #textOf(number: number): string {
    const known = this.#texts.get(number)
    if (known !== undefined) return known
    const text = JSON.stringify(this.#entries[number] ?? null)
    this.#texts.set(number, text)
    return text
  }
}

/** @throws SemelError `SEMEL_SINK` where they are none that this version knows */
export function readPositions(bytes: Uint8Array): Positions {
  if (bytes.length === 0) return { partitions: [], left: 0 }
  let read: unknown
  try {
    read = JSON.parse(Buffer.from(bytes).toString())
  } catch (cause) {
    throw unknownPositions(cause)
  }
  const { format: version, partitions = [], left = 0 } = (read ?? {}) as Record<string, unknown>
  if (version !== format || !Array.isArray(partitions) || !Number.isSafeInteger(left)) {
    throw unknownPositions()
  }
  return { partitions: partitions.map(readPartition), left: left as number }
}

function readPartition(part: unknown): PartitionPosition {
  const [number, shown, partition] = Array.isArray(part) ? (part as unknown[]) : []
  const isText = typeof shown === 'string' && /^\d{1,39}$/.test(shown)
  const offset = asOffset(isText ? BigInt(shown) : shown)
  const isNumber = Number.isSafeInteger(number) && (number as number) >= 0
  if (!isNumber || (number as number) > 65_535 || offset === undefined) throw unknownPositions()
  return { number: number as number, offset, partition: partition ?? undefined }
}

function unknownPositions(cause?: unknown): SemelError {
  return new SemelError(
    'SEMEL_SINK',
    'the positions that the sink keeps are none that this version of semel knows; use the version that wrote them',
    { cause },
  )
}
