export const messagesPerBlock = 512
const blockCount = 16
const blockBytes = 256 * 1024
/** Looks at a count before a thread sleeps, and how long it does before it gives up. */
const spins = 1000
const waitMs = 10
const waitsMax = 1000
const endsBytes = messagesPerBlock * 4

/** Blocks of shared memory that go round between a thread that fills and one that empties them. */
export class Blocks {
  readonly memory: SharedArrayBuffer
  /** Filled, and emptied, since the beginning. */
  readonly #counts: Int32Array

  constructor(memory = new SharedArrayBuffer(8 + blockCount * (blockBytes + endsBytes))) {
    this.memory = memory
    this.#counts = new Int32Array(memory, 0, 2)
  }

  /** The next block to fill, when it is free. */
  claim(): { bytes: Buffer; ends: Uint32Array } {
    const filled = Atomics.load(this.#counts, 0)
    this.#until(1, filled - blockCount + 1)
    return this.#block(filled)
  }

  publish(): void {
    Atomics.add(this.#counts, 0, 1)
    Atomics.notify(this.#counts, 0)
  }

  /** The next block to empty, when it is filled. */
  next(): { bytes: Buffer; ends: Uint32Array } {
    const emptied = Atomics.load(this.#counts, 1)
    this.#until(0, emptied + 1)
    return this.#block(emptied)
  }

  release(): void {
    Atomics.add(this.#counts, 1, 1)
    Atomics.notify(this.#counts, 1)
  }

  waitUntilTaken(): void {
    this.#until(1, Atomics.load(this.#counts, 0))
  }

  #block(number: number): { bytes: Buffer; ends: Uint32Array } {
    const at = 8 + (number % blockCount) * (blockBytes + endsBytes)
    return {
      ends: new Uint32Array(this.memory, at, messagesPerBlock),
      bytes: Buffer.from(this.memory, at + endsBytes, blockBytes),
    }
  }

  #until(which: 0 | 1, count: number): void {
    for (let looks = 0; ; looks++) {
      const now = Atomics.load(this.#counts, which)
      if (now >= count) return
      if (looks < spins) continue
      if (looks > spins + waitsMax) throw new Error('the other thread does nothing any more')
      Atomics.wait(this.#counts, which, now, waitMs)
    }
  }
}
