import { SemelError, toError } from '../../core/errors.js'
import { sleep } from '../../core/waiting/timers.js'
import { addon, type NativeDeath } from '../../native/addon.js'
import { actions, encodeDetails } from '../../native/details.js'
import type { RetryPolicy } from '../../reliability/retry.js'
import { afterFailure } from '../failures/verdicts.js'
import type { RunnerListener } from './runner.js'

/** So many deaths that tell nothing, or messages that kill one after another, end the stream. */
const fruitlessMax = 10
const restartDelayMs = 50
/** How long to wait for room in the ack log: its next segment is being made. */
const ackRoomMs = 1

export interface InquestParts {
  readonly handle: number
  readonly worker: number
  readonly workers: number
  readonly shardCount: number
  readonly retry: RetryPolicy
  /** Whether dead letters go to a sink as well. */
  readonly hasLetterSink: boolean
}

/** What follows from a death. */
export interface Finding {
  /** In a row, with no message done in between. */
  readonly deaths: number
  readonly delayMs: number
}

/**
 * What the deaths of one worker mean. Each narrows down which message it was, or is a failed attempt of
 * the message that it was; where neither is so, or many messages kill and none gets through, it is not
 * the messages' fault.
 */
export class Inquest {
  readonly #parts: InquestParts
  readonly #listener: RunnerListener
  #seen: number
  #deaths = 0
  #fruitless = 0
  /** Messages that a death was charged to since one was done. */
  readonly #charged = new Set<string>()

  constructor(parts: InquestParts, listener: RunnerListener) {
    this.#parts = parts
    this.#listener = listener
    this.#seen = this.#done()
  }

  /**
   * The worker's thread is gone.
   * @throws SemelError where no other worker would fare better
   */
  async hold(cause: unknown): Promise<Finding> {
    const { handle, worker } = this.#parts
    const { dropped, narrowed, guilty } = addon().bury(handle, worker)
    if (this.#done() !== this.#seen || dropped > 0) {
      this.#deaths = 0
      this.#fruitless = 0
      this.#charged.clear()
    }
    this.#deaths += 1
    if (guilty !== undefined) await this.#charge(guilty, cause)
    else if (!narrowed) this.#fruitless += 1
    this.#seen = this.#done()
    this.#judge(cause)
    return {
      deaths: this.#deaths,
      delayMs: guilty !== undefined || narrowed ? 0 : restartDelayMs * (this.#fruitless - 1),
    }
  }

  #judge(cause: unknown): void {
    const { worker } = this.#parts
    const many = this.#charged.size >= fruitlessMax
    if (!many && this.#fruitless < fruitlessMax) return
    const what = many
      ? `was killed by ${this.#charged.size} messages one after another, and none was done`
      : `died ${this.#fruitless} times without a message done`
    throw new SemelError(
      'SEMEL_WORKER',
      `worker ${worker} ${what} in between: ${describe(cause)}; mend the handler, then open the stream again`,
      { cause },
    )
  }

  /** The death was a failed attempt of the one message that was under way. */
  async #charge(guilty: NonNullable<NativeDeath['guilty']>, cause: unknown): Promise<void> {
    const { handle, retry, hasLetterSink } = this.#parts
    const { shard, sequence, attempts, history } = guilty
    const death = new Error(describe(cause))
    death.name = 'worker died'
    const nowMs = addon().clockMs(handle)
    const failed = afterFailure(sequence, attempts + 1, history, death, retry, nowMs)
    // Where letters go to a sink, the next worker makes it one.
    const isLeft = hasLetterSink && failed.action === actions.deadLetter
    const detail = isLeft ? { ...failed, action: actions.park, dueMs: nowMs } : failed
    const details = encodeDetails([detail])
    while (!addon().charge(handle, shard, details)) {
      await sleep(ackRoomMs)
    }
    this.#charged.add(`${shard}:${sequence}`)
    if (detail.action !== actions.deadLetter) return
    const error = `worker died: ${death.message}`
    this.#listener.event({ kind: 'dead-letter', shard, sequence, error })
  }

  /** Messages of the worker's shards that have come to an end. */
  #done(): number {
    const { handle, worker, workers, shardCount } = this.#parts
    let done = 0
    for (let shard = worker; shard < shardCount; shard += workers) {
      const { processed, filtered, duplicate, late, deadLettered } = addon().status(handle, shard)
      done += processed + filtered + duplicate + late + deadLettered
    }
    return done
  }
}

function describe(cause: unknown): string {
  const { name, message } = toError(cause)
  return name === 'Error' ? message : `${name}: ${message}`
}
