import { isAscii, isUtf8 } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'

const newline = 0x0a
const carriageReturn = 0x0d
const byteOrderMark = Buffer.of(0xef, 0xbb, 0xbf)

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
}

/**
 * Cuts a file into lines. `next` goes on within what has been read and never waits; where it returns
 * false, `fill` reads more. Lines end in `\n` or `\r\n`; the last one may lack its end.
 *
 * `#block` is what is in memory: lines in front of `#after` are done, and between `#after` and
 * `#scanned` there is no line end. A line over the limit is dropped as it comes in, so that memory
 * stays below `lineBytesMax` and a few chunks.
 */
export class LineReader {
  readonly #file: FileHandle
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
  /** How the line over the limit begins whose end has not come in yet. */
  #overlong: string | undefined
  #ended = false

  #start = 0
  #end = 0
  #line: number
  #fault: string | undefined
  #faulty = ''

  constructor(file: FileHandle, lineBytesMax: number, start: LineStart) {
    this.#file = file
    this.#lineBytesMax = lineBytesMax
    this.#openBytesMax = Math.max(lineBytesMax + 1, shownBytesMax)
    this.#blockOffset = start.offset
    this.#line = start.line - 1
  }

  /** The byte of the file behind the line and its end. */
  get offset(): number {
    return this.#blockOffset + this.#after
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

  /** The line's end as it is in the file: `\n`, `\r\n`, or nothing behind the last line. */
  get lineEnd(): string {
    const bytes = this.#after - this.#end
    return bytes === 2 ? '\r\n' : bytes === 1 ? '\n' : ''
  }

  /** Goes to the next line. False: there is no whole one in what has been read so far. */
  next(): boolean {
    let end = this.#block.indexOf(newline, this.#scanned)
    if (end === -1) {
      end = this.#block.length
      if (!this.#ended) {
        this.#scanned = end
        if (end - this.#after > this.#openBytesMax || this.#overlong !== undefined) {
          this.#dropOverlong()
        }
        return false
      }
      if (end === this.#after && this.#overlong === undefined) return false
    }
    this.#start = this.#after
    this.#after = Math.min(end + 1, this.#block.length)
    this.#scanned = this.#after
    this.#line++
    const returned = end > this.#start && this.#block[end - 1] === carriageReturn
    this.#end = returned ? end - 1 : end
    this.#check()
    return true
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
    this.#skipByteOrderMark(kept)
    const lineEnd = this.#block.lastIndexOf(newline) + 1
    this.#ascii = isAscii(this.#block)
    this.#utf8To = this.#ascii || isUtf8(this.#block.subarray(0, lineEnd)) ? lineEnd : 0
    return true
  }

  /** Looks at a line's length and bytes; most lines are covered by one check of the whole block. */
  #check(): void {
    this.#fault = undefined
    if (this.#overlong !== undefined || this.#end - this.#start > this.#lineBytesMax) {
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
      this.#overlong = this.#shown(this.#block.length)
    }
    this.#after = this.#block.length
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
}

/** The number of the line that begins at `offset`: read through once, when a source goes on there. */
export async function lineAt(file: FileHandle, offset: number): Promise<number> {
  const chunk = Buffer.allocUnsafeSlow(chunkBytes)
  let line = 1
  for (let at = 0; at < offset;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunkBytes, offset - at), at)
    if (bytesRead === 0) break
    const block = chunk.subarray(0, bytesRead)
    for (let i = block.indexOf(newline); i !== -1; i = block.indexOf(newline, i + 1)) line++
    at += bytesRead
  }
  return line
}
