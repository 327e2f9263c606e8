import { headersOf } from '../../codec/envelope.js'
import { noHeaders, type MessageHeaders } from '../../core/headers.js'
import type { Id, MessageContext } from '../../core/message.js'

/** The signals of a shard's attempts that somebody has asked for, and that may still be given. */
export class Signals {
  readonly #open = new Set<AttemptContext>()
  /** Why all of them are given, once they are. */
  reason: Error | undefined

  add(context: AttemptContext): void {
    this.#open.add(context)
  }

  delete(context: AttemptContext): void {
    this.#open.delete(context)
  }

  /** Gives all of them, those too that are asked for from now on. */
  abort(reason: Error): void {
    this.reason = reason
    for (const context of this.#open) context.abort(reason)
    this.#open.clear()
  }
}

export interface ContextParts {
  readonly sequence: number
  readonly shard: number
  readonly attempt: number
  readonly timeMs: number
  readonly id: Id | undefined
  /** What stands in front of the message, in memory of its own; undefined where nothing does. */
  readonly envelope: Uint8Array | undefined
}

/** One attempt's context. What costs something is made when an operator looks at it. */
export class AttemptContext implements MessageContext {
  readonly sequence: number
  readonly shard: number
  readonly attempt: number
  readonly timeMs: number
  readonly id: Id | undefined
  readonly #envelope: Uint8Array | undefined
  #headers: MessageHeaders | undefined
  readonly #signals: Signals
  #controller: AbortController | undefined
  #reason: Error | undefined
  #hasEnded = false

  constructor(parts: ContextParts, signals: Signals) {
    this.sequence = parts.sequence
    this.shard = parts.shard
    this.attempt = parts.attempt
    this.timeMs = parts.timeMs
    this.id = parts.id
    this.#envelope = parts.envelope
    this.#signals = signals
  }

  get headers(): MessageHeaders {
    this.#headers ??= this.#envelope === undefined ? noHeaders : headersOf(this.#envelope)
    return this.#headers
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      const reason = this.#reason ?? this.#signals.reason
      if (reason !== undefined) this.#controller.abort(reason)
      else if (!this.#hasEnded) this.#signals.add(this)
    }
    return this.#controller.signal
  }

  /** The attempt is to end: whoever looks at the signal is told so. */
  abort(reason: Error): void {
    this.#reason = reason
    this.#controller?.abort(reason)
  }

  /** The attempt has ended: its signal is not given any more. */
  end(): void {
    this.#hasEnded = true
    if (this.#controller !== undefined) this.#signals.delete(this)
  }

  /** The same message's, for another run with a signal of its own. */
  anew(): AttemptContext {
    const { sequence, shard, attempt, timeMs, id } = this
    const parts = { sequence, shard, attempt, timeMs, id, envelope: this.#envelope }
    return new AttemptContext(parts, this.#signals)
  }
}

/** For operators that do not look at it. */
export const noContext = undefined as unknown as AttemptContext
