import type { ShardLoop } from './shard-loop.js'

/**
 * What a round has come to. `resting`: a suspect is under way; what it leaves behind (a throw or a
 * rejection outside of its handler) has to show itself before it is committed.
 */
export type Round = 'busy' | 'idle' | 'resting'

/**
 * The turns of a worker's shards: each in turn a step. After a worker's death, suspects come first: one
 * shard at a time, and nothing else is under way meanwhile, so that the next death can be put down to
 * them.
 */
export class Rounds {
  readonly #loops: readonly ShardLoop[]
  /** The shard whose suspects have the worker to themselves. */
  #loner: ShardLoop | undefined

  constructor(loops: readonly ShardLoop[]) {
    this.#loops = loops
  }

  next(): Round {
    for (const loop of this.#loops) if (loop.wantsAlone) return this.#narrow()
    this.#loner = undefined
    let busy = false
    for (const loop of this.#loops) busy = loop.step() || busy
    return busy ? 'busy' : 'idle'
  }

  #narrow(): Round {
    const loner = this.#choose()
    if (loner !== this.#loner) {
      for (const loop of this.#loops) loop.rest()
      if (this.#loops.some((loop) => loop.isWaiting)) return 'resting'
      this.#loner = loner
    } else {
      loner.rest()
    }
    return loner.tryAlone() || loner.isWaiting ? 'resting' : 'idle'
  }

  #choose(): ShardLoop {
    const wanting = this.#loops.filter((loop) => loop.wantsAlone)
    const current = wanting.find((loop) => loop === this.#loner)
    return wanting.find((loop) => loop.isAccused) ?? current ?? (wanting[0] as ShardLoop)
  }
}
