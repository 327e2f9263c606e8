import type { Detail } from '../../native/details.js'

/** Whose output it is: a sequence, or those of the batch that it was made of. */
export type Owners = number | readonly number[]

/** What a sender is told of its message besides the outcome. */
export type Answer =
  | { readonly results: readonly unknown[] }
  /** Why it was dropped. */
  | { readonly error: string }

/**
 * Messages whose processing has ended, in the order in which they are committed: a run of those in
 * flight, and any that were parked before. Their outputs lie one after another.
 */
export class Finished {
  /** In flight, from the first uncommitted sequence on. */
  count = 0
  /** The last sequence of which an output is written, apart from the others. */
  writtenThrough = 0
  outputs: unknown[] = []
  /** Unset while each message in turn, from `#base` on, has put out exactly one. */
  #owners: Owners[] | undefined
  #base = 0
  #owned = 0
  /** By message, how many of its outputs were taken out because they are written. */
  readonly #gone = new Map<number, number>()
  readonly details = new Map<number, Detail>()
  /** What senders who wait are told besides the outcome, by sequence. */
  readonly answers = new Map<number, Answer>()

  get isEmpty(): boolean {
    return this.count === 0 && this.details.size === 0
  }

  /** Of one output. */
  ownersAt(output: number): Owners {
    return this.#owners === undefined ? this.#base + output : (this.#owners[output] as Owners)
  }

  /** For each output. */
  get owners(): readonly Owners[] {
    return (this.#owners ??= Array.from({ length: this.#owned }, (_, at) => this.#base + at))
  }

  /** The outputs that were added since the last call are this message's, or this batch's. */
  own(by: Owners): void {
    const end = this.outputs.length
    if (this.#owners === undefined) {
      if (end === this.#owned) return
      if (this.#owned === 0 && typeof by === 'number') this.#base = by
      if (end === this.#owned + 1 && by === this.#base + this.#owned) {
        this.#owned = end
        return
      }
    }
    const owners = this.owners as Owners[]
    while (owners.length < end) owners.push(by)
    this.#owned = end
  }

  /** Of each output: which it is of its message's, from 0, or of the last message's that has a part in it. */
  indices(): number[] {
    const counts = new Map(this.#gone)
    return this.outputs.map((_, at) => {
      const owner = ownersOf(this.ownersAt(at)).at(-1) as number
      const index = counts.get(owner) ?? 0
      counts.set(owner, index + 1)
      return index
    })
  }

  /** Takes the first outputs out: they are written. */
  dropFirst(count: number): void {
    for (const owners of this.owners.slice(0, count)) {
      const all = ownersOf(owners)
      for (const owner of all) this.writtenThrough = Math.max(this.writtenThrough, owner)
      const last = all.at(-1) as number
      this.#gone.set(last, (this.#gone.get(last) ?? 0) + 1)
    }
    this.#owners = this.owners.slice(count)
    this.outputs = this.outputs.slice(count)
  }

  /**
   * Takes out what has ended with the first outputs, which are written: messages in flight up to the
   * first that has an output behind these, and parked ones that have none there.
   * @param through the last sequence that is committed
   */
  splitAt(written: number, through: number): Finished {
    const { owners } = this
    const open = new Set<number>()
    let end = through + this.count + 1
    for (let output = written; output < owners.length; output++) {
      for (const owner of ownersOf(owners[output] as Owners)) {
        open.add(owner)
        if (owner > through && owner < end) end = owner
      }
    }
    const part = new Finished()
    part.count = end - 1 - through
    this.count -= part.count
    this.dropFirst(written)
    const isIn = (sequence: number): boolean =>
      sequence > through ? sequence < end : !open.has(sequence)
    move(this.details, part.details, isIn)
    move(this.answers, part.answers, isIn)
    return part
  }

  /** Takes out every output that one of these messages has a part in. */
  drop(sequences: ReadonlySet<number>): void {
    if (sequences.size === 0) return
    const { owners } = this
    const stays = owners.map((by) => !ownersOf(by).some((one) => sequences.has(one)))
    this.outputs = this.outputs.filter((_, index) => stays[index])
    this.#owners = owners.filter((_, index) => stays[index])
  }
}

function move<V>(
  from: Map<number, V>,
  to: Map<number, V>,
  isMoved: (sequence: number) => boolean,
): void {
  for (const [sequence, value] of from) {
    if (!isMoved(sequence)) continue
    to.set(sequence, value)
    from.delete(sequence)
  }
}

export function ownersOf(owners: Owners): readonly number[] {
  return typeof owners === 'number' ? [owners] : owners
}
