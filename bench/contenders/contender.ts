import type { Delivery } from 'semel'
import type { ServerKind } from './servers/server.js'

/**
 * A system that takes trades, has each handled once and knows that it was: what all of them have to do
 * is the same, how they do it is their own best way.
 *
 * 1. The messages are those of trades.ts, each a new object with a new id.
 * 2. Each message is handled by `handle` (tally.ts), in whichever thread the system runs handlers.
 * 3. The system keeps the message until it has been acknowledged, and the acknowledgment tells that the
 *    handler ran. A system that can know copies by their id is told to.
 * 4. Where the system carries bytes, they are MessagePack (`encode`, `decode`).
 */
export interface Contender {
  readonly name: string
  /** What it is, whatever it was told: a contender may be there more than once. */
  readonly system: string
  /** In words: what it was told. */
  readonly settings: string
  /** What of a message a crash may repeat or lose. */
  readonly delivery: Delivery
  /** What is acknowledged survives nothing, the end of a process or the end of the power. */
  readonly durability: 'memory' | 'process' | 'disk'
  /** From bench/contenders/package.json. */
  readonly packages: readonly string[]
  /** Runs beside it, on a port of its own. */
  readonly server?: ServerKind
  open(place: Place): Promise<Opened>
}

export interface Place {
  /** Empty, and gone afterwards. */
  readonly dir: string
  /** Of the server, on 127.0.0.1. */
  readonly port: number
}

export interface Opened {
  /** Sends so many trades; resolves when each of them has been handled and acknowledged. */
  run(first: number, count: number): Promise<void>
  close(): Promise<void>
}
