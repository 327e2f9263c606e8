import type { MessagePort } from 'node:worker_threads'
import type { OutputReader } from '../../core/sink.js'
import { Taken } from './taken.js'

/** From a shard on a worker's thread to the desk: outputs, and how many of those before are committed. */
export interface HandedOver {
  readonly kind: 'outputs'
  readonly shard: number
  readonly outputs: readonly unknown[]
  readonly committed: number
}

/** The way back: so many of a shard's outputs were taken. */
export interface TakenOver {
  readonly kind: 'taken'
  readonly shard: number
  readonly count: number
}

/** The ways of a worker's shards to the thread that reads their outputs, over one port. */
export class OutputsPort {
  readonly #port: MessagePort
  readonly #taken = new Map<number, Taken>()

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', (told: TakenOver | { readonly kind: 'give-up' }) => {
      if (told.kind === 'taken') this.#taken.get(told.shard)?.add(told.count)
    })
  }

  readerOf(shard: number): OutputReader {
    const taken = new Taken()
    this.#taken.set(shard, taken)
    let told = 0
    return {
      hand: (outputs) => {
        const committed = taken.known
        if (outputs.length === 0 && committed === told) return
        const over: HandedOver = { kind: 'outputs', shard, outputs, committed }
        this.#port.postMessage(over)
        told = committed
      },
      taken: () => taken.next(),
    }
  }
}
