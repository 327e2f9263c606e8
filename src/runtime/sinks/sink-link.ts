import { ClosedError } from '../../core/errors.js'
import type { Sink } from '../../core/sink.js'
import { sleep } from '../../core/waiting/timers.js'
import type { TransactionalConnection } from '../../core/transactional.js'
import { addon, type NativeSeat } from '../../native/addon.js'
import { checkBegun, closeConnection, isMisfit } from './connection.js'
import { sinkFailure } from './sink-failure.js'

export interface SinkLinkParts {
  readonly handle: number
  readonly shard: number
  readonly seat: NativeSeat
  readonly sink: Sink<never>
  readonly lineage: string
  readonly connect: () => Promise<TransactionalConnection<unknown>>
}

/**
 * A shard's way to a transactional sink, by one connection after another: whatever leaves an outcome open
 * ends one, and the next one begins by asking.
 */
export class SinkLink {
  readonly #parts: SinkLinkParts
  #connection: TransactionalConnection<unknown> | undefined
  #isClosed = false

  constructor(parts: SinkLinkParts) {
    this.#parts = parts
  }

  /** Where it has begun. */
  get connection(): TransactionalConnection<unknown> {
    if (this.#connection === undefined) throw new Error('the sink has not been asked')
    return this.#connection
  }

  get lineage(): string {
    return this.#parts.lineage
  }

  /**
   * Raises the epoch and asks, over a connection of its own.
   * @returns how many of the commits that are prepared took effect, from the oldest on
   * @throws SemelError `SEMEL_SINK_TAKEN`, `SEMEL_SINK_AHEAD`, `SEMEL_SINK_BEHIND`: sink and directory do not
   * fit each other; anything else: it could not be asked
   */
  async ask(): Promise<number> {
    const { handle, shard, seat, sink, lineage, connect } = this.#parts
    await this.#hangUp()
    const connection = (this.#connection = await connect())
    if (this.#isClosed) {
      await this.#hangUp()
      throw new ClosedError()
    }
    const { epoch, last } = checkBegun(await connection.begin(lineage), sink, lineage)
    const { attempt } = seat
    return addon().askedSink(handle, shard, attempt, epoch, last?.epoch ?? 0, last?.n ?? 0)
  }

  async #hangUp(): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    // It is given up because it failed: how it ends says nothing new.
    await Promise.resolve(connection?.close()).catch(() => {})
  }

  /** @throws SemelError `SEMEL_SINK` where the sink fails to close; all that was confirmed is written */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#connection !== undefined) await closeConnection(this.#connection, this.#parts.sink)
  }
}

/**
 * Asks until there is an answer.
 * @param failed told of each attempt in vain
 * @param wait between two attempts
 */
export async function untilAnswered(
  link: SinkLink,
  failed: (error: Error, attempt: number, retryInMs: number) => void,
  wait: (ms: number) => Promise<void> = sleep,
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await link.ask()
    } catch (error) {
      if (isMisfit(error) || error instanceof ClosedError) throw error
      const failure = sinkFailure(error, attempt)
      failed(failure.error, attempt, failure.delayMs)
      await wait(failure.delayMs)
    }
  }
}
