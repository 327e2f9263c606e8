import type { SinkMemo, WriteSpan } from '../../src/core/sink.js'

/** A directory's memo in memory, which can be told that the machine has lost its power. */
export class MemoryMemo implements SinkMemo {
  #kept = 'null'
  #span: WriteSpan | undefined
  #isSealed = false
  #isOfThisStart = true
  /** How often something was kept: each takes a sync. */
  keeps = 0

  read(): unknown {
    return (JSON.parse(this.#kept) as unknown) ?? undefined
  }

  keep(value: unknown): void {
    this.#kept = JSON.stringify(value)
    this.keeps++
  }

  announced(place: number): WriteSpan | undefined {
    if (this.#isOfThisStart) return this.#span
    return this.#isSealed && place >= (this.#span?.to ?? 0) ? this.#span : undefined
  }

  announce(span: WriteSpan): void {
    this.#span = { ...span }
    this.#isSealed = false
    this.#isOfThisStart = true
  }

  seal(): void {
    this.#isSealed = true
  }

  losePower(): void {
    this.#isOfThisStart = false
  }
}
