import type { Arrival, Line } from './lines.js'

/** What came over a line. */
export interface LineCount {
  messages: number
  /** Messages of the feed that it did not bring. */
  lacking: number
}

/** More copies than this are not held back: the gap in front of them is given up. */
const heldMaxDefault = 65_536

/**
 * Puts the copies that come over two lines into the order of the feed. It only delays: a copy that is
 * ahead of a gap is held until the other line fills the gap, or both lines have passed it. Every copy
 * goes on; which of them counts is not decided here.
 */
export class Sequencer {
  readonly lines: Record<Line, LineCount> = {
    A: { messages: 0, lacking: 0 },
    B: { messages: 0, lacking: 0 },
  }
  readonly #heldMax: number
  readonly #held = new Map<number, Arrival[]>()
  readonly #lost = new Set<number>()
  readonly #passed: Record<Line, number> = { A: 0, B: 0 }
  #heldCount = 0
  #next = 1

  constructor(heldMax: number = heldMaxDefault) {
    this.#heldMax = heldMax
  }

  /** How many messages came over neither line, or not in time. */
  get lost(): number {
    return this.#lost.size
  }

  /** Takes a copy; gives those that can go on, in order. */
  push(arrival: Arrival): Arrival[] {
    const { line, message } = arrival
    const { sequence } = message
    this.lines[line].messages++
    this.#pass(line, sequence - 1)
    this.#passed[line] = Math.max(this.#passed[line], sequence)
    if (sequence < this.#next) return this.#lost.has(sequence) ? [] : [arrival]
    const copies = this.#held.get(sequence)
    if (copies === undefined) this.#held.set(sequence, [arrival])
    else copies.push(arrival)
    this.#heldCount++
    return this.#release()
  }

  /** The exchange says which message was its last; gives all that is still held. */
  end(last: number): Arrival[] {
    this.#pass('A', last)
    this.#pass('B', last)
    return this.#release()
  }

  /** The line is past `sequence`: what it has not brought up to there it lacks. */
  #pass(line: Line, sequence: number): void {
    const gap = sequence - this.#passed[line]
    if (gap <= 0) return
    this.lines[line].lacking += gap
    this.#passed[line] = sequence
  }

  #release(): Arrival[] {
    const released: Arrival[] = []
    for (;;) {
      const copies = this.#held.get(this.#next)
      if (copies !== undefined) {
        released.push(...copies)
        this.#held.delete(this.#next)
        this.#heldCount -= copies.length
      } else if (
        this.#next <= Math.min(this.#passed.A, this.#passed.B) ||
        this.#heldCount > this.#heldMax
      ) {
        this.#lost.add(this.#next)
      } else {
        return released
      }
      this.#next++
    }
  }
}
