import type { Key } from '../../core/message.js'
import { after, processNs, type End } from '../../core/waiting/timers.js'
import type { Limit } from '../../reliability/limit.js'

/** Keys that are known to have gone lately. */
export const keysMax = 100_000
/** A map is looked through when it has grown to twice of what was left in it. */
const sweepMin = 1024
/** How long a message of another key rests where all of them are in use. */
const roomMs = 1000
/** Parked messages come back by a clock of milliseconds: one that is so early is in time. */
const earlyMs = 2

/** Memory for the rate of a whole stream, which all of its threads share. */
export function limitMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)
}

/**
 * The rates at which a shard's attempts begin. Each is a token bucket in the form of the generic cell
 * rate algorithm (ITU-T I.371): it keeps the time at which the bucket is full again. So what shards and
 * threads share of the stream's rate is one number; whoever comes takes a place in it and waits for
 * that, in order and without a second look. A key's message that comes too early takes none: it is
 * parked until its turn, so that other keys need not wait for it.
 */
export class Limiter {
  readonly #streamLimit: Limit | undefined
  readonly #keyLimit: Limit | undefined
  /** When the stream's bucket is full again, by the process's clock. */
  readonly #fullNs: BigInt64Array
  readonly #keys = new Map<Key, number>()
  readonly #sleeps = new Set<End>()
  #sweepAt = sweepMin
  #sweptNs = 0
  #isCrowded = false

  constructor(limits: readonly Limit[], memory: SharedArrayBuffer) {
    this.#streamLimit = limits.find(({ by }) => by === 'stream')
    this.#keyLimit = limits.find(({ by }) => by === 'key')
    this.#fullNs = new BigInt64Array(memory)
  }

  /** How many keys have gone lately. */
  get keys(): number {
    return this.#keys.size
  }

  /** How long the message of this key is too early; 0: its attempt may begin, and is counted. */
  earlyMs(key: Key | undefined): number {
    if (this.#keyLimit === undefined || key === undefined) return 0
    const { intervalNs, burst } = this.#keyLimit
    const now = Number(processNs())
    const full = this.#keys.get(key)
    if (full === undefined && this.#keys.size >= this.#sweepAt) this.#sweep(now)
    if (full === undefined && this.#keys.size >= keysMax) return roomMs
    const waitMs = ((full ?? now) - (burst - 1) * intervalNs - now) / 1e6
    if (waitMs > earlyMs) return waitMs
    this.#keys.set(key, Math.max(full ?? now, now) + intervalNs)
    return 0
  }

  /** Resolves when an attempt may begin by the stream's rate; undefined where that is now. */
  turn(): Promise<void> | undefined {
    if (this.#streamLimit === undefined) return undefined
    const { intervalNs, burst } = this.#streamLimit
    const interval = BigInt(Math.round(intervalNs))
    const tolerance = interval * BigInt(burst - 1)
    for (;;) {
      const now = processNs()
      const full = Atomics.load(this.#fullNs, 0)
      const next = (full > now ? full : now) + interval
      if (Atomics.compareExchange(this.#fullNs, 0, full, next) !== full) continue
      const waitNs = full - tolerance - now
      return waitNs <= 0n ? undefined : this.#sleep(Number(waitNs) / 1e6)
    }
  }

  /** Nobody is let go any more. */
  stop(): void {
    for (const end of this.#sleeps) end()
    this.#sleeps.clear()
  }

  /** Of a key whose bucket is full there is nothing to know. */
  #sweep(now: number): void {
    // Where nearly all of them are in use, many ask again for the little that a look would bring.
    if (this.#isCrowded && now - this.#sweptNs < roomMs * 1e6) return
    this.#sweptNs = now
    for (const [key, full] of this.#keys) if (full <= now) this.#keys.delete(key)
    this.#sweepAt = Math.min(keysMax, Math.max(sweepMin, this.#keys.size * 2))
    this.#isCrowded = this.#keys.size > 0.9 * keysMax
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = after(Math.ceil(ms), () => {
        this.#sleeps.delete(end)
        resolve()
      })
      this.#sleeps.add(end)
    })
  }
}
