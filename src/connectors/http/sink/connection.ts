import { ClosedError, SemelError, toError } from '../../../core/errors.js'
import { Unavailable } from '../../../core/handler-errors.js'
import { RejectedOutputs, type Position, type SinkConnection } from '../../../core/sink.js'
import { caught } from '../../../core/thrown.js'
import { Connections, type Incoming, type Outgoing } from './exchange.js'
import type { CheckedHttpSink } from './options.js'
import { originKey } from './origin.js'
import { checkedKey, outgoingOf } from './outgoing.js'
import { retryAfterMs } from './retry-after.js'

/**
 * A shard's way to servers. What was answered in front of a failure is written, and not sent again; so a
 * server that is down is told as the failure of the output that it met, as unavailable.
 */
export class HttpConnection<T> implements SinkConnection<T> {
  readonly #sink: CheckedHttpSink
  readonly #connections: Connections
  #isClosed = false

  constructor(sink: CheckedHttpSink) {
    this.#sink = sink
    this.#connections = new Connections(sink.concurrency)
  }

  async write(outputs: readonly T[], position: Position): Promise<void> {
    if (this.#isClosed) throw new ClosedError(`the sink ${this.#sink.name} is closed`)
    const failures = new Map<number, Error>()
    let next = 0
    const lane = async (): Promise<void> => {
      while (failures.size === 0 && next < outputs.length) {
        const index = next++
        try {
          await this.#send(outputs[index] as T, position, index)
        } catch (thrown) {
          failures.set(index, toError(caught(thrown).thrown))
        }
      }
    }
    const lanes = Math.min(this.#sink.concurrency, outputs.length)
    await Promise.all(Array.from({ length: lanes }, lane))
    // All that was begun has ended, so in front of the first failure there is none.
    if (failures.size > 0) throw new RejectedOutputs(failures, Math.min(...failures.keys()))
  }

  close(): void {
    this.#isClosed = true
    this.#connections.close()
  }

  async #send(output: T, position: Position, index: number): Promise<void> {
    const { key: keyOf, timeoutMs } = this.#sink
    const key =
      keyOf === undefined ? originKey(position, index) : checkedKey(keyOf(output as never))
    const outgoing = outgoingOf(this.#sink, output, key)
    let incoming: Incoming
    try {
      incoming = await this.#connections.exchange(outgoing, timeoutMs)
    } catch (thrown) {
      throw this.#unanswered(outgoing, thrown)
    }
    const { status } = incoming
    if (status >= 200 && status < 300) return
    const what = `${this.#sink.name} answered ${status}${textOf(incoming)}`
    if (this.#refuses(incoming, key !== undefined)) throw new SemelError('SEMEL_OUTPUT', what)
    const waitMs = retryAfterMs(incoming.retryAfter)
    throw new Unavailable(what, waitMs === undefined ? {} : { retryAfter: waitMs })
  }

  #refuses({ status, retryAfter }: Incoming, hasKey: boolean): boolean {
    const { refuses } = this.#sink
    if (refuses !== undefined) return refuses(status)
    // An earlier attempt with the same key is under way there.
    if (status === 409) return !(hasKey && retryAfterMs(retryAfter) !== undefined)
    return status >= 400 && status < 500 && !servers.has(status)
  }

  #unanswered({ url }: Outgoing, thrown: unknown): Unavailable {
    const { message, code } = toError(thrown) as NodeJS.ErrnoException
    // Of a host with several addresses, none of which is there, the message is empty.
    const said = message === '' ? String(code) : message
    return new Unavailable(`${this.#sink.name}: there is no answer of ${url.host}: ${said}`, {
      cause: thrown,
    })
  }
}

/** Of 4xx, those that say nothing against the request's content: credentials, time, too many. */
const servers: ReadonlySet<number> = new Set([401, 407, 408, 425, 429])

function textOf({ text }: Incoming): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line === '' ? '' : `: ${line.slice(0, 200)}`
}
