import type { Durability } from '../core/delivery.js'
import { SemelError } from '../core/errors.js'
import { addon } from '../native/addon.js'
import type { Settings } from './options.js'

/** What a sender gets once its message is stored. */
export interface Receipt {
  readonly shard: number
  /** The message's number in its shard. */
  readonly sequence: number
  /** What it survives from now on. */
  readonly durability: Durability
}

interface Pending {
  readonly sequence: number
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: unknown) => void
}

/** Senders that wait until their messages have reached the stream's durability. */
export class ReceiptDesk {
  readonly #handle: number
  readonly #durability: Durability
  /** By shard, in the order of sequences. */
  readonly #pending: Pending[][]
  #waiting = 0

  constructor(handle: number, settings: Settings) {
    this.#handle = handle
    this.#durability = settings.durability
    this.#pending = Array.from({ length: settings.shards }, () => [])
  }

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#waiting === 0
  }

  /** Runs `send`, which calls one of its arguments later, and waits for the message to be stored. */
  wait(
    { signal, timeout }: { signal?: AbortSignal; timeout?: number },
    send: (
      taken: (shard: number, sequence: number) => void,
      refused: (error: unknown) => void,
    ) => void,
  ): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      this.#waiting += 1
      let isDone = false
      const end = (act: () => void): void => {
        if (isDone) return
        isDone = true
        this.#waiting -= 1
        clearTimeout(timer)
        signal?.removeEventListener('abort', aborted)
        act()
      }
      const aborted = (): void => end(() => reject(signal?.reason))
      signal?.addEventListener('abort', aborted)
      const timer =
        timeout === undefined
          ? undefined
          : setTimeout(() => end(() => reject(timedOut(timeout))), timeout)
      const refused = (error: unknown): void => end(() => reject(error))
      send((shard, sequence) => {
        this.#pending[shard]?.push({
          sequence,
          resolve: (receipt) => end(() => resolve(receipt)),
          reject: refused,
        })
      }, refused)
    })
  }

  /** Gives the receipts that are due. */
  settle(): void {
    for (const [shard, pending] of this.#pending.entries()) {
      if (pending.length === 0) continue
      let durable: number
      try {
        durable = addon().durable(this.#handle, shard)
      } catch {
        return // the stream has failed, and will be told so
      }
      let count = 0
      for (const { sequence, resolve } of pending) {
        if (sequence > durable) break
        resolve({ shard, sequence, durability: this.#durability })
        count += 1
      }
      pending.splice(0, count)
    }
  }

  fail(error: SemelError): void {
    for (const pending of this.#pending) {
      for (const { reject } of pending.splice(0)) reject(error)
    }
  }
}

function timedOut(timeout: number): SemelError {
  return new SemelError(
    'SEMEL_ACK_TIMEOUT',
    `no receipt within ${timeout} ms: whether the message is stored is unknown; the same id may be sent again`,
    { retriable: true },
  )
}
