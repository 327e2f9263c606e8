import { isAscii, isUtf8 } from 'node:buffer'

const newline = 0x0a
const carriageReturn = 0x0d
const byteOrderMark = Buffer.of(0xef, 0xbb, 0xbf)

/** A place behind every block: a small integer, since one is written for each line. */
const none = 2 ** 30 - 1

/** How much is asked of the file at once. */
const chunkBytes = 256 * 1024
/** How much of a faulty line is kept to be shown. */
const shownBytesMax = 64 * 1024

/** Where a reader begins. */
export interface LineStart {
  /** In bytes; the beginning of a line. */
  readonly offset: number
  /** That line's number, from 1. */
  readonly line: number
  /** Whether the byte before is a return, so that a newline that follows belongs to that line's end. */
  readonly afterReturn: boolean
}

/** The beginning of a file. */
export const fileStart: LineStart = { offset: 0, line: 1, afterReturn: false }

/** What lines are read from: an open file, or what behaves as one. */
export interface Bytes {
  read(
    into: Buffer,
    at: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>
}

/**
 * Cuts a file into lines. `next` goes on within what has been read and never waits; where it returns
 * false, `fill` reads more. Lines end in `\n`, `\r\n` or `\r`, mixed as they may be; the last one may
 * lack its end. Whoever reads it decides whether it is a line already, or is left (`leave`).
 *
 * `#block` is what is in memory: lines in front of `#after` are done, and between `#after` and
 * `#scanned` there is no line end. A line over the limit is dropped as it comes in, so that memory
 * stays below `lineBytesMax` and a few chunks.
 */
export class LineReader {
  readonly #file: Bytes
  readonly #lineBytesMax: number
  /**
   * A line without an end in sight is kept up to here: until it is over the limit even if its last byte
   * belongs to its end, and until there is enough of it to be shown. So what a line becomes does not
   * depend on where the blocks of a file begin.
   */
  readonly #openBytesMax: number
  #memory: Buffer = Buffer.allocUnsafeSlow(2 * chunkBytes)
  #block: Buffer = this.#memory.subarray(0, 0)
  /** Where `#block` begins in the file. */
  #blockOffset: number
  #ascii = false
  /** `#block` is known to be valid UTF-8 up to here. */
  #utf8To = 0
  #after = 0
  #scanned = 0
  /** The next newline and the next return from `#scanned` on; `none` where the block has none. */
  #newlineAt = -1
  #returnAt = -1
  #afterReturn: boolean
  /** How the line over the limit begins whose end has not come in yet. */
  #overlong: string | undefined
  #ended = false

  #start = 0
  #end = 0
  #line: number
  /** Where the line over the limit begins: it is not in the block any more. */
  #overlongAt = -1
  #isOverlong = false
  #left = false
  #fault: string | undefined
  #faulty = ''

  constructor(file: Bytes, lineBytesMax: number, start: LineStart) {
    this.#file = file
    this.#lineBytesMax = lineBytesMax
    this.#openBytesMax = Math.max(lineBytesMax + 1, shownBytesMax)
    this.#blockOffset = start.offset
    this.#line = start.line - 1
    this.#afterReturn = start.afterReturn
  }

  /** The byte of the file behind the line and its end. */
  get offset(): number {
    return this.#left ? this.start : this.#blockOffset + this.#after
  }

  /** The line's number, from 1. */
  get line(): number {
    return this.#line
  }

  /** What is wrong with the line's bytes; `text` is what can be shown of them then. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** Whether the file has been read to its end. */
  get ended(): boolean {
    return this.#ended
  }

  /** The line without its end. */
  text(): string {
    if (this.#fault !== undefined) return this.#faulty
    return this.#block.toString(this.#ascii ? 'latin1' : 'utf8', this.#start, this.#end)
  }

  /** The line's end as it is in the file: `\n`, `\r\n`, `\r`, or nothing behind the last line. */
  get lineEnd(): string {
    const bytes = this.#after - this.#end
    if (bytes === 0) return ''
    return bytes === 2 ? '\r\n' : this.#block[this.#end] === newline ? '\n' : '\r'
  }

  /** Whether the line, the file's last, lacks its end. */
  get unended(): boolean {
    return this.#after === this.#end
  }

  /** The byte of the file at which the line begins. */
  get start(): number {
    return this.#isOverlong ? this.#overlongAt : this.#blockOffset + this.#start
  }

  /** Gives the last line back, which lacks its end: it is not done, and no other comes behind it. */
  leave(): void {
    this.#left = true
  }

  /** Of the file behind a byte of it, up to where it has been read. */
  bytesBehind(offset: number): number {
    return this.#blockOffset + this.#block.length - offset
  }

  /** Goes to the next line. False: there is no whole one in what has been read so far. */
  next(): boolean {
    if (this.#left) return false
    let end = this.#lineEndAt()
    if (end === -1) {
      end = this.#block.length
      if (!this.#ended) {
        // A return at the end of the block may be half of a line end.
        this.#scanned = Math.min(end, this.#returnAt)
        if (end - this.#after > this.#openBytesMax || this.#overlong !== undefined) {
          this.#dropOverlong()
        }
        return false
      }
      if (end === this.#after && this.#overlong === undefined) return false
    }
    this.#start = this.#after
    this.#end = end
    const isPair = this.#block[end] === carriageReturn && this.#block[end + 1] === newline
    this.#after = Math.min(end + (isPair ? 2 : 1), this.#block.length)
    this.#scanned = this.#after
    this.#line++
    this.#check()
    return true
  }

  /** Where the next line end begins; -1 where there is none, or perhaps half of one. */
  #lineEndAt(): number {
    const from = this.#scanned
    if (this.#newlineAt < from) this.#newlineAt = indexOf(this.#block, newline, from)
    if (this.#returnAt < from) this.#returnAt = indexOf(this.#block, carriageReturn, from)
    if (this.#newlineAt < this.#returnAt) return this.#newlineAt
    if (this.#returnAt === none) return -1
    return this.#returnAt + 1 < this.#block.length || this.#ended ? this.#returnAt : -1
  }

  /** Reads on. False: the file ends here, and `next` has no more lines. */
  async fill(): Promise<boolean> {
    if (this.#ended) return false
    const kept = this.#makeRoom()
    const { bytesRead } = await this.#file.read(
      this.#memory,
      kept,
      this.#memory.length - kept,
      this.#blockOffset + kept,
    )
    this.#ended = bytesRead === 0
    this.#block = this.#memory.subarray(0, kept + bytesRead)
    this.#newlineAt = -1
    this.#returnAt = -1
    this.#skipByteOrderMark(kept)
    this.#skipHalfLineEnd()
    const lineEnd = this.#block.lastIndexOf(newline) + 1
    this.#ascii = isAscii(this.#block)
    this.#utf8To = this.#ascii || isUtf8(this.#block.subarray(0, lineEnd)) ? lineEnd : 0
    return true
  }

  /** Looks at a line's length and bytes; most lines are covered by one check of the whole block. */
  #check(): void {
    this.#fault = undefined
    this.#isOverlong = this.#overlong !== undefined
    if (this.#isOverlong || this.#end - this.#start > this.#lineBytesMax) {
      this.#fault = `the line is longer than ${this.#lineBytesMax} bytes`
      this.#faulty = this.#overlong ?? this.#shown(this.#end)
      this.#overlong = undefined
    } else if (!this.#ascii && this.#after > this.#utf8To) {
      if (isUtf8(this.#block.subarray(this.#start, this.#end))) return
      this.#fault = 'the line is not valid UTF-8'
      this.#faulty = this.#shown(this.#end)
    }
  }

  #dropOverlong(): void {
    if (this.#overlong === undefined) {
      this.#start = this.#after
      this.#overlongAt = this.#blockOffset + this.#after
      this.#overlong = this.#shown(this.#scanned)
    }
    this.#after = this.#scanned
  }

  #shown(end: number): string {
    return this.#block.toString('utf8', this.#start, Math.min(end, this.#start + shownBytesMax))
  }

  /** Moves what is not done yet to the front, in larger memory where a long line needs it. */
  #makeRoom(): number {
    const kept = this.#block.length - this.#after
    const from = this.#memory
    if (from.length - kept < chunkBytes) this.#memory = Buffer.allocUnsafeSlow(from.length * 2)
    from.copy(this.#memory, 0, this.#after, this.#block.length)
    this.#blockOffset += this.#after
    this.#scanned -= this.#after
    this.#after = 0
    return kept
  }

  #skipByteOrderMark(kept: number): void {
    if (this.#blockOffset !== 0 || this.#after !== 0 || kept >= byteOrderMark.length) return
    if (!this.#block.subarray(0, byteOrderMark.length).equals(byteOrderMark)) return
    this.#after = byteOrderMark.length
    this.#scanned = byteOrderMark.length
  }

  #skipHalfLineEnd(): void {
    if (!this.#afterReturn || this.#block.length === 0) return
    this.#afterReturn = false
    if (this.#block[0] !== newline) return
    this.#after = 1
    this.#scanned = 1
  }
}

/** Whether a file begins with the mark of UTF-8. */
export async function hasByteOrderMark(file: Bytes): Promise<boolean> {
  const start = Buffer.alloc(byteOrderMark.length)
  const { bytesRead } = await file.read(start, 0, start.length, 0)
  return bytesRead === start.length && start.equals(byteOrderMark)
}

/** Where reading goes on at `offset`: the file is read through once up to there. */
export async function lineAt(file: Bytes, offset: number): Promise<LineStart> {
  const chunk = Buffer.allocUnsafeSlow(chunkBytes)
  let line = 1
  let afterReturn = false
  for (let at = 0; at < offset;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunkBytes, offset - at), at)
    if (bytesRead === 0) break
    const block = chunk.subarray(0, bytesRead)
    // Of a pair the newline counts, and the return does not.
    if (afterReturn && block[0] !== newline) line++
    for (let i = indexOf(block, newline, 0); i !== none; i = indexOf(block, newline, i + 1)) {
      line++
    }
    const returns = bytesRead - 1
    for (let i = indexOf(block, carriageReturn, 0); i < returns;) {
      if (block[i + 1] !== newline) line++
      i = indexOf(block, carriageReturn, i + 1)
    }
    afterReturn = block[returns] === carriageReturn
    at += bytesRead
  }
  return { offset, line: afterReturn ? line + 1 : line, afterReturn }
}

function indexOf(block: Buffer, byte: number, from: number): number {
  const found = block.indexOf(byte, from)
  return found === -1 ? none : found
}
