import { countText } from '../text.js'
import { paintFor, plain, type Paint, type Style, type Terminal } from '../terminal.js'

/** Where a run is. */
export interface ProgressState {
  /** Messages that have come to their end in this run. */
  readonly ended: number
  readonly parked: number
  readonly deadLettered: number
  /** How far the source has been read, in the unit of `size`; 0 of 0 where nobody knows. */
  readonly offset: number
  readonly size: number
}

const redrawMs = 100
/** The rate is that of the last second: steady enough to be read, and quick to show a stall. */
const rateSamples = 10

/**
 * The progress line, without what does not fit: the most telling first.
 * @param columns of the terminal; the last one stays free, since some wrap when it is written
 */
export function progressLine(
  state: ProgressState,
  perSecond: number,
  columns: number,
  paint: Paint = plain,
): string {
  const parts: [text: string, style?: Style][] = [[`${countText(perSecond)} messages/s`, 'bold']]
  if (state.size > 0) {
    parts.push([`${Math.floor((100 * Math.min(state.offset, state.size)) / state.size)} %`])
  }
  parts.push(
    [`parked ${countText(state.parked)}`, state.parked > 0 ? 'yellow' : 'dim'],
    [`dead letters ${countText(state.deadLettered)}`, state.deadLettered > 0 ? 'red' : 'dim'],
    [`${countText(state.ended)} done`, 'dim'],
  )
  const drawn: string[] = []
  let width = -2
  for (const [text, style] of parts) {
    width += 2 + text.length
    if (width >= columns) break
    drawn.push(style === undefined ? text : paint(style, text))
  }
  return drawn.join('  ')
}

/**
 * One line on a terminal, drawn at most ten times a second and wiped out at the end. On anything but a
 * terminal it does nothing.
 */
export class Progress {
  readonly #terminal: Terminal
  readonly #read: () => ProgressState
  readonly #now: () => number
  readonly #paint: Paint
  readonly #samples: { atMs: number; ended: number }[] = []
  readonly #timer: NodeJS.Timeout | undefined
  #drawnMs = -Infinity
  #drawn = false
  #stopped = false

  /** @param read called when the line is drawn, and only then */
  constructor(
    terminal: Terminal,
    read: () => ProgressState,
    now: () => number = () => performance.now(),
  ) {
    this.#terminal = terminal
    this.#read = read
    this.#now = now
    this.#paint = paintFor(terminal)
    this.#stopped = terminal.isTTY !== true
    // A run that is busy in this thread keeps timers waiting: it calls `draw` as well.
    if (!this.#stopped) this.#timer = setInterval(() => this.draw(), redrawMs).unref()
  }

  /** Draws the line again if it is due. */
  draw(): void {
    const nowMs = this.#now()
    if (this.#stopped || nowMs - this.#drawnMs < redrawMs) return
    this.#drawnMs = nowMs
    const state = this.#read()
    this.#samples.push({ atMs: nowMs, ended: state.ended })
    if (this.#samples.length > rateSamples + 1) this.#samples.shift()
    const line = progressLine(state, this.#perSecond(), this.#terminal.columns || 80, this.#paint)
    this.#terminal.write(`\r\u001b[2K${line}`)
    this.#drawn = true
  }

  /** A line of its own above the progress line. */
  say(line: string): void {
    this.#wipe()
    this.#terminal.write(`${line}\n`)
  }

  /** Wipes the line out; it is not drawn again. */
  stop(): void {
    clearInterval(this.#timer)
    this.#stopped = true
    this.#wipe()
  }

  #wipe(): void {
    if (this.#drawn) this.#terminal.write('\r\u001b[2K')
    this.#drawn = false
    this.#drawnMs = -Infinity
  }

  #perSecond(): number {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0
    return (1000 * (last.ended - first.ended)) / (last.atMs - first.atMs)
  }
}
