import { unlessAborted } from '../../core/waiting/unless-aborted.js'

/** What is found to be read: numbers of partitions, and more. */
interface Found {
  readonly numbers: readonly number[]
}

/** What is held until `release` is called. */
export interface Claim<T extends Found> {
  readonly found: T
  readonly release: () => void
}

type Taken<T extends Found> =
  | { readonly claim: Claim<T>; readonly busy: undefined }
  | { readonly claim: undefined; readonly busy: Promise<void> }

/**
 * Which partitions are being read in an open stream. A partition is read by one `consume` at a time: a
 * second one would store the same rows beside it. It waits, and goes on where the first one has ended.
 */
export class SourceClaims {
  /** By number, what resolves when it is released. */
  readonly #held = new Map<number, Promise<void>>()
  #turn: Promise<unknown> = Promise.resolve()

  /**
   * Waits until none of the partitions is held, and holds them.
   * @param find which they are; it is never run beside another, and again behind each wait, since what
   * was found before may have changed by then
   * @returns undefined where the signal was given before
   */
  async hold<T extends Found>(
    find: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<Claim<T> | undefined> {
    while (!signal.aborted) {
      const turn = this.#turn.then(async () => this.#take(await find()))
      this.#turn = turn.catch(() => {})
      const { claim, busy } = await turn
      if (claim !== undefined) return claim
      await unlessAborted(busy, signal)
    }
    return undefined
  }

  /** A claim, or what is to be waited for. */
  #take<T extends Found>(found: T): Taken<T> {
    const { numbers } = found
    for (const number of numbers) {
      const busy = this.#held.get(number)
      if (busy !== undefined) return { claim: undefined, busy }
    }
    const hold = new Hold()
    for (const number of numbers) this.#held.set(number, hold.ended)
    const release = (): void => {
      for (const number of numbers) this.#held.delete(number)
      hold.end()
    }
    return { claim: { found, release }, busy: undefined }
  }
}

class Hold {
  end!: () => void
  readonly ended = new Promise<void>((resolve) => {
    this.end = resolve
  })
}
