import type { Id, Produced } from '../../core/message.js'

/**
 * A sample of messages is sent round and round, and copies in a later round are to be new messages.
 * Their content stays; what the pipeline's `id` and `producer` say of them is moved on with each round,
 * so that it is as long and of the same kind as the pipeline's own, and copies inside the sample stay
 * copies.
 *
 * Of a process: ids are asked for in the thread that sends.
 */
class Replay {
  #round = 0
  #stride = 1
  #isSafe = true
  #epoch = 0

  /** What the sample holds, before the first round. */
  begin(ids: readonly Id[], produced: readonly Produced[]): void {
    const numbers = [...ids, ...produced.map(({ sequence }) => sequence)].filter(
      (id) => typeof id !== 'string',
    )
    let [min, max] = [0n, 0n]
    for (const [index, number] of numbers.entries()) {
      const id = BigInt(number)
      if (index === 0 || id < min) min = id
      if (index === 0 || id > max) max = id
    }
    this.#stride = Number(max - min) + 1
    // Rounds enough for any run, in numbers that are exact.
    this.#isSafe = Number(max) + roundsMax * this.#stride <= Number.MAX_SAFE_INTEGER
    this.#epoch = Math.max(0, ...produced.map(({ epoch }) => epoch))
    this.#round = 0
  }

  next(): void {
    this.#round += 1
  }

  id(id: Id): Id {
    if (this.#round === 0) return id
    if (typeof id === 'string') return `${id}~${this.#round}`
    if (typeof id === 'bigint') {
      return BigInt.asUintN(63, id + BigInt(this.#round) * BigInt(this.#stride))
    }
    return this.#isSafe ? id + this.#round * this.#stride : `${id}~${this.#round}`
  }

  /** An epoch is for a sender's restart: all rounds are of one. */
  produced({ id, sequence }: Produced): Produced {
    return { id, epoch: this.#epoch, sequence: sequence + this.#round * this.#stride }
  }
}

const roundsMax = 1e6

export const replay = new Replay()
