import type { Detail } from '../native/details.js'

/** Whose output it is: a sequence, or those of the batch that it was made of. */
export type Owners = number | readonly number[]

/**
 * Messages whose processing has ended, in the order in which they are committed: a run of those in
 * flight, and any that were parked before. Their outputs lie one after another.
 */
export class Finished {
  /** In flight, from the first uncommitted sequence on. */
  count = 0
  outputs: unknown[] = []
  /** For each output. */
  owners: Owners[] = []
  readonly details = new Map<number, Detail>()

  get isEmpty(): boolean {
    return this.count === 0 && this.details.size === 0
  }

  /** Takes the first outputs out: they are written. */
  dropFirst(count: number): void {
    this.outputs = this.outputs.slice(count)
    this.owners = this.owners.slice(count)
  }

  /** Takes out every output that one of these messages has a part in. */
  drop(sequences: ReadonlySet<number>): void {
    if (sequences.size === 0) return
    const stays = this.owners.map((owners) => !ownersOf(owners).some((one) => sequences.has(one)))
    this.outputs = this.outputs.filter((_, index) => stays[index])
    this.owners = this.owners.filter((_, index) => stays[index])
  }
}

export function ownersOf(owners: Owners): readonly number[] {
  return typeof owners === 'number' ? [owners] : owners
}
