import { styleText } from 'node:util'
import { plain, type Paint } from '../print/table.js'

export { plain }
export type { Paint, Style } from '../print/table.js'

/** What is needed of a terminal to write on it; `process.stderr`, say. */
export interface Terminal {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Colours on a terminal that can show them, unless `NO_COLOR` is set (no-color.org). */
export function paintFor(
  terminal: Terminal,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Paint {
  const unwanted = environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== ''
  if (terminal.isTTY !== true || unwanted || environment['TERM'] === 'dumb') return plain
  // Whether to colour is decided here, for this stream; Node would look at standard output.
  return (style, text) => styleText(style, text, { validateStream: false })
}
