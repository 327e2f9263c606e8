/** What is known of a message that was sent for later. */
interface Due {
  readonly sequence: number
  readonly dueMs: number
}

/** Messages that were sent for later, by when they are due, and then by sequence: a binary heap. */
export class Delayed<M extends Due> {
  readonly #heap: M[] = []

  /** When the next one is due; Infinity where there is none. */
  get nextDueMs(): number {
    return this.#heap[0]?.dueMs ?? Infinity
  }

  add(message: M): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const above = (at - 1) >>> 1
      if (!isBefore(message, heap[above] as M)) break
      heap[at] = heap[above] as M
      at = above
    }
    heap[at] = message
  }

  /** Takes the next one out where it is due. */
  takeDue(nowMs: number): M | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.dueMs > nowMs) return undefined
    const last = this.#heap.pop() as M
    if (last !== first) this.#sink(last)
    return first
  }

  /** Puts a message where the first one was, and down from there. */
  #sink(message: M): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let below = at * 2 + 1
      if (below >= heap.length) break
      const right = below + 1
      if (right < heap.length && isBefore(heap[right] as M, heap[below] as M)) {
        below = right
      }
      if (!isBefore(heap[below] as M, message)) break
      heap[at] = heap[below] as M
      at = below
    }
    heap[at] = message
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.dueMs === other.dueMs ? one.sequence < other.sequence : one.dueMs < other.dueMs
}
