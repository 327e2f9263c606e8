import { Encoder } from '../../codec/encoder.js'
import { Memory } from '../../codec/memory.js'
import { TooLong, UnfitValue } from '../../codec/unfit.js'
import { InvalidArgumentError, SemelError, toError } from '../../core/errors.js'
import type { Id, MalformedRow } from '../../core/message.js'
import type { Offset } from '../../core/offset.js'
import { addon } from '../../native/addon.js'
import { shapesOf } from '../message/structures.js'

const rowWords = 8
/** So many messages go to the core together at most. */
export const rowsDefault = 1024
const stagingBytes = 1024 * 1024
/** A flush is due before less than this is free, so that an ordinary message never spills. */
const spareBytes = 64 * 1024
/** Of why a row is malformed. */
const reasonLengthMax = 4096

/** Of a row's kind: its offset is one of 16 bytes, which lie behind the payload. */
const wideOffset = 0x20
const wideOffsetBytes = 16
const narrowOffsetEnd = 2 ** 48

const idForms = { none: 0, positive: 1, negative: 2, text: 3, internal: 4 } as const

const nothing = new Uint8Array(0)

/** Where a source's message comes from; kept with it, so that reading can go on behind it. */
export interface Origin {
  readonly partition: number
  readonly offset: Offset
}

/**
 * Messages on their way to the native core: payloads one after another in one buffer, and a row of
 * integers for each (native/shard/row.h). One native call takes them all.
 */
export class Staging {
  readonly #handle: number
  readonly #memory = new Memory(stagingBytes)
  readonly #encoder: Encoder
  /** The buffer that the core knows. */
  #registered: Buffer | undefined
  #at = 0
  readonly #words: Uint32Array
  readonly #numbers: Float64Array
  readonly #rowsMax: number
  readonly #spareRows: number
  /** Rows or payloads lie here that will not be sent. */
  #hasGarbage = false
  /** Rows written, and of those how many the core has taken or that were dropped. */
  #rows = 0
  #taken = 0
  /** Rows are numbered on and on; the first one here has this number. */
  #first = 0
  #next = 0

  readonly #payloadBytesMax: number

  /** @param spareRows may be written although it is full, where `moveLastTo` follows */
  constructor(handle: number, payloadBytesMax: number, rowsMax = rowsDefault, spareRows = 0) {
    this.#rowsMax = rowsMax + spareRows
    this.#spareRows = spareRows
    this.#handle = handle
    this.#payloadBytesMax = payloadBytesMax
    const rows = new ArrayBuffer(this.#rowsMax * rowWords * 4)
    this.#words = new Uint32Array(rows)
    this.#numbers = new Float64Array(rows)
    this.#encoder = new Encoder(this.#memory, shapesOf(handle))
  }

  /** Whether a message is being encoded: its getters may call anything. */
  get isWriting(): boolean {
    return this.#encoder.isBusy
  }

  get isEmpty(): boolean {
    return this.#rows === 0
  }

  /** Whether the next message should wait for a flush. */
  get isFull(): boolean {
    return this.hasNoRows || this.#hasNoBytes
  }

  /** Whether there is no row for another message, but for the spare ones. */
  get hasNoRows(): boolean {
    return this.#rows >= this.#rowsMax - this.#spareRows
  }

  get #hasNoBytes(): boolean {
    return this.#at >= this.#memory.bytes.length - spareBytes
  }

  /** Whether a compaction would give rows back. */
  get hasTakenRows(): boolean {
    return this.#taken > 0
  }

  /** The number of the first row that waits. */
  get firstWaiting(): number {
    return this.#first + this.#taken
  }

  /**
   * Encodes a message, behind its envelope where it has one.
   * @param check throws where it is not to be taken after all: its getters may have ended the stream
   * @throws SemelError where it can't be carried, without a trace
   */
  putObject(
    message: unknown,
    type: number,
    shard: number,
    id?: Id,
    origin?: Origin,
    check?: () => void,
    envelope?: Uint8Array,
  ): void {
    const start = this.#next8
    const end = this.#encoded(message, start, envelope)
    check?.()
    this.#row(start, end, type, shard, id, origin)
  }

  /** Copies raw bytes, behind their envelope where they have one. */
  putBytes(
    bytes: Uint8Array,
    type: number,
    shard: number,
    id?: Id,
    origin?: Origin,
    envelope: Uint8Array = nothing,
  ): void {
    const length = envelope.length + bytes.length
    if (length > this.#payloadBytesMax) throw this.#tooLarge(length)
    const start = this.#next8
    if (envelope.length > 0) this.#memory.put(envelope, start)
    this.#memory.put(bytes, start + envelope.length)
    this.#row(start, start + length, type, shard, id, origin)
  }

  /** A malformed row: its id is its place, since it has no other. Of a text that is too long, the start. */
  putMalformed(row: MalformedRow, type: number, shard: number, origin: Origin): void {
    const max = this.#payloadBytesMax
    const { partition, offset } = origin
    const isWide = offset >= narrowOffsetEnd
    this.putObject(
      {
        text: row.text.slice(0, max / 8).toWellFormed(),
        line: row.line,
        reason: row.reason.slice(0, Math.min(max / 16, reasonLengthMax)).toWellFormed(),
      },
      type,
      shard,
      isWide ? `\0malformed row ${partition} ${offset}` : undefined,
      origin,
    )
    if (isWide) return
    const at = (this.#rows - 1) * rowWords
    this.#words[at + 3] = (this.#words[at + 3] as number) | (idForms.internal << 8)
    this.#words[at + 4] = Number(offset) >>> 0
    this.#words[at + 5] = Math.floor(Number(offset) / 4_294_967_296) | ((partition + 1) << 16)
  }

  /** A message as bytes of its own, for later: what becomes of the object meanwhile changes nothing. */
  encoded(message: unknown): Uint8Array {
    const start = this.#next8
    const end = this.#encoded(message, start)
    return new Uint8Array(this.#memory.bytes.subarray(start, end))
  }

  /** Hands the waiting rows over; how many were taken. `sequenceOf` tells of those until the next put. */
  flush(): number {
    const count = this.#rows - this.#taken
    if (count === 0) return 0
    if (this.#registered !== this.#memory.bytes) this.#register()
    const taken = addon().append(this.#handle, this.#taken, count)
    this.#taken += taken
    if (this.#taken === this.#rows) {
      this.#rows = 0
      this.#taken = 0
      this.#at = 0
    }
    return taken
  }

  /** The number that the next row will have; with it, `sequenceOf` finds the row after a flush. */
  get nextRow(): number {
    return this.#next
  }

  sequenceOf(row: number): number {
    return this.#numbers[((row - this.#first) * rowWords) / 2] as number
  }

  /** The oldest row that waits is not sent. */
  dropFirst(): void {
    this.#taken += 1
    this.#hasGarbage = true
  }

  /** The row that was written last takes an earlier one's place. */
  moveLastTo(row: number): void {
    const last = (this.#rows - 1) * rowWords
    this.#words.copyWithin((row - this.#first) * rowWords, last, last + rowWords)
    this.#rows -= 1
    this.#next -= 1
    this.#hasGarbage = true
  }

  /** Makes room for payloads: what is garbage goes, and where that is not much, there is more memory. */
  makeBytes(): void {
    if (!this.#hasNoBytes) return
    this.compact()
    const { length } = this.#memory.bytes
    if (this.#at > length / 2) this.#memory.reserve(length)
  }

  /** Moves what waits to the front: where rows were dropped or replaced, there is room behind it. */
  compact(): void {
    if (!this.#hasGarbage && this.#taken === 0) return
    this.#hasGarbage = false
    const words = this.#words
    words.copyWithin(0, this.#taken * rowWords, this.#rows * rowWords)
    this.#rows -= this.#taken
    this.#first += this.#taken
    this.#taken = 0
    const { bytes } = this.#memory
    const payloads = Buffer.from(bytes.subarray(0, this.#at))
    this.#at = 0
    for (let at = 0; at < this.#rows * rowWords; at += rowWords) {
      const start = words[at] as number
      const kind = words[at + 3] as number
      const isText = ((kind >>> 8) & 0xff) === idForms.text
      const isWide = (kind & wideOffset) !== 0
      const named = (words[at + 1] as number) + (isText ? (words[at + 5] as number) : 0)
      const length = named + (isWide ? wideOffsetBytes : 0)
      const to = (this.#at + 7) & ~7
      payloads.copy(bytes, to, start, start + length)
      words[at] = to
      if (isText) words[at + 4] = to + (words[at + 1] as number)
      if (isWide) words[at + 6] = to + named
      this.#at = to + length
    }
  }

  #register(): void {
    this.#registered = this.#memory.bytes
    addon().registerStaging(
      this.#handle,
      this.#registered,
      new Uint8Array(this.#words.buffer as ArrayBuffer),
    )
  }

  /** Where the next payload begins: frames are read by words. */
  get #next8(): number {
    return (this.#at + 7) & ~7
  }

  /** Where the message ends whose envelope, or where it has none the message itself, begins at `start`. */
  #encoded(message: unknown, start: number, envelope: Uint8Array = nothing): number {
    const { length } = envelope
    const bytesMax = this.#payloadBytesMax - length
    if (bytesMax <= 0) throw this.#tooLarge()
    if (length > 0) this.#memory.put(envelope, start)
    try {
      return this.#encoder.encode(message, start + length, bytesMax)
    } catch (error) {
      if (error instanceof SemelError) throw error
      if (error instanceof TooLong) throw this.#tooLarge()
      const what =
        error instanceof UnfitValue ? `message${error.path}: ${error.why}` : toError(error).message
      throw new InvalidArgumentError(
        error instanceof UnfitValue
          ? what
          : `message: it can't be encoded: ${what}; send plain data`,
        { cause: error },
      )
    }
  }

  #tooLarge(bytes?: number): SemelError {
    return new SemelError(
      'SEMEL_TOO_LARGE',
      `a message of ${bytes === undefined ? 'more bytes' : `${bytes} bytes`} is over the limit of ${this.#payloadBytesMax} (an eighth of the ring); open the stream with a larger ring`,
    )
  }

  #row(
    start: number,
    payloadEnd: number,
    type: number,
    shard: number,
    id: Id | undefined,
    origin: Origin | undefined,
  ): void {
    const words = this.#words
    const at = this.#rows * rowWords
    let end = payloadEnd
    let form: number = idForms.none
    if (typeof id === 'number') {
      form = id >= 0 ? idForms.positive : idForms.negative
      words[at + 4] = id >>> 0
      words[at + 5] = Math.floor(id / 4_294_967_296) >>> 0
    } else if (typeof id === 'string') {
      form = idForms.text
      const bytes = this.#memory.putText(id, end)
      words[at + 4] = end
      words[at + 5] = bytes
      end += bytes
    } else if (typeof id === 'bigint') {
      form = id >= 0n ? idForms.positive : idForms.negative
      words[at + 4] = Number(BigInt.asUintN(32, id))
      words[at + 5] = Number(BigInt.asUintN(32, id >> 32n))
    }
    words[at] = start
    words[at + 1] = payloadEnd - start
    words[at + 2] = shard
    words[at + 3] = type | (form << 8) | (origin === undefined ? 0 : (origin.partition + 1) << 16)
    if (origin !== undefined) {
      const { offset } = origin
      if (offset < narrowOffsetEnd) {
        this.#numbers[(at + 6) / 2] = Number(offset)
      } else {
        words[at + 3] = (words[at + 3] as number) | wideOffset
        words[at + 6] = end
        end = this.#putWide(BigInt(offset), end)
      }
    }
    if (this.#rows === 0) this.#first = this.#next
    this.#rows += 1
    this.#next += 1
    this.#at = end
  }

  /** An offset of 16 bytes; where it ends. */
  #putWide(offset: bigint, at: number): number {
    const bytes = new DataView(new ArrayBuffer(wideOffsetBytes))
    bytes.setBigUint64(0, BigInt.asUintN(64, offset), true)
    bytes.setBigUint64(8, offset >> 64n, true)
    this.#memory.put(new Uint8Array(bytes.buffer), at)
    return at + wideOffsetBytes
  }
}
