import type { SourceRow } from '../../../core/source.js'

const shownLengthMax = 64 * 1024

/**
 * What becomes of a last line without an end. `if-whole`: it is taken where it is whole already as far
 * as can be told.
 */
export type LastLine = 'keep' | 'take' | 'if-whole'

/**
 * Makes rows out of a file's lines: one strategy a format. Where it does not take the last line without
 * an end, a writer may be in the middle of it: a row is then left that more bytes could still change.
 */
export interface RowReader {
  /** The next row; undefined where what has been read so far holds no whole one. */
  next(): SourceRow<unknown> | undefined
  /** Where what was left at the file's end begins; undefined: nothing was. */
  readonly leftAt: number | undefined
}

/** A row that can't be read, with as much of its text as is kept. */
export function malformed(
  text: string,
  line: number,
  reason: string,
  offset: number,
): SourceRow<never> {
  return { malformed: { text: text.slice(0, shownLengthMax), line, reason }, offset }
}

/** Nothing but spaces, tabs and stray returns: no row, in any format. */
export function isBlank(text: string): boolean {
  return text.length === 0 || (text.charCodeAt(0) <= 0x20 && /^[ \t\r]*$/.test(text))
}
