import type { Detail } from '../native/details.js'

/**
 * Messages whose processing has ended, in the order in which they are committed: a run of those in
 * flight, and any that were parked before. Their outputs lie one after another.
 */
export class Finished {
  /** In flight, from the first uncommitted sequence on. */
  count = 0
  outputs: unknown[] = []
  /** Whose output it is, for each output: a sequence. */
  owners: number[] = []
  readonly details = new Map<number, Detail>()

  get isEmpty(): boolean {
    return this.count === 0 && this.details.size === 0
  }

  /** Takes the outputs of some messages out. */
  drop(owners: ReadonlySet<number>): void {
    if (owners.size === 0) return
    this.outputs = this.outputs.filter((_, index) => !owners.has(this.owners[index] as number))
    this.owners = this.owners.filter((owner) => !owners.has(owner))
  }
}
