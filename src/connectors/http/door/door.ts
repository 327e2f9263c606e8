import { toError } from '../../../core/errors.js'
import { caught } from '../../../core/thrown.js'
import { Left, type Answer, type Ask } from './ask.js'
import { KnownKeys } from './known-keys.js'
import { Looks } from './looks.js'
import type { CheckedHttpOptions } from './options.js'
import { Posts } from './posts.js'
import { Rates } from './rate.js'
import { closed, overloaded, Refusal, unknownMethod } from './refusal.js'
import type { Taking } from './taking.js'

/** What a handler holds now. */
export interface HttpCounters {
  /** Requests that have no answer yet. */
  readonly answering: number
  /** Requests that are read, or whose messages are neither stored nor ended: `underWayMax` bounds them. */
  readonly underWay: number
  /** Clients that watch a status by server-sent events. */
  readonly watching: number
  /** What answers that are remembered take. */
  readonly rememberedBytes: number
}

/** Nobody hears it. */
const unheard: Answer = { status: 499, headers: {}, body: undefined }

/**
 * The way of HTTP requests into a stream, whichever server has them. Whatever it holds is bounded:
 * requests under way, answers that are remembered, clients that watch, clients whose rates are known.
 */
export class Door<In, Raw> {
  readonly #options: CheckedHttpOptions<In, Raw>
  readonly #posts: Posts<In, Raw>
  readonly #looks: Looks<Raw>
  readonly #keys: KnownKeys
  readonly #rates: Rates | undefined
  readonly #closing = new AbortController()
  readonly #idle = new Set<() => void>()
  #answering = 0
  #hasWarned = false

  constructor(stream: Taking<In>, options: CheckedHttpOptions<In, Raw>) {
    this.#options = options
    const keys = new KnownKeys(options.rememberedBytesMax)
    this.#keys = keys
    const closing = this.#closing.signal
    this.#posts = new Posts({ stream, options, keys, report: (error) => this.#report(error) })
    this.#looks = new Looks({ options, keys, closing })
    const { rate } = options
    this.#rates = rate === undefined ? undefined : new Rates(rate.max, rate.perMs)
  }

  counters(): HttpCounters {
    return {
      answering: this.#answering,
      underWay: this.#posts.underWay,
      watching: this.#looks.watchers,
      rememberedBytes: this.#keys.rememberedBytes,
    }
  }

  /** Never rejects. */
  async answer(ask: Ask<Raw>): Promise<Answer> {
    this.#answering += 1
    try {
      return await this.#answered(ask)
    } catch (thrown) {
      return this.#refused(thrown)
    } finally {
      this.#answering -= 1
      if (this.#answering === 0) for (const tell of this.#idle) tell()
    }
  }

  /** Takes nothing more, and ends what watches. Resolves when all that have asked are answered. */
  async close(): Promise<void> {
    this.#closing.abort()
    while (this.#answering > 0) {
      await new Promise<void>((resolve) => {
        this.#idle.add(resolve)
      })
      this.#idle.clear()
    }
  }

  async #answered(ask: Ask<Raw>): Promise<Answer> {
    const { rate, retryAfterMs } = this.#options
    if (ask.left.aborted) throw new Left()
    if (this.#closing.signal.aborted) throw closed(retryAfterMs)
    const waitMs = this.#rates?.waitMs(rate?.by === undefined ? '' : String(rate.by(ask.raw))) ?? 0
    if (waitMs > 0) throw overloaded(429, 'too many requests in a time', waitMs)
    switch (ask.method) {
      case 'POST':
        return this.#posts.take(ask)
      case 'GET':
      case 'HEAD':
        return this.#looks.look(ask)
      default:
        throw unknownMethod(ask.method)
    }
  }

  #refused(thrown: unknown): Answer {
    const error = caught(thrown).thrown
    if (error instanceof Refusal) return error.answer()
    if (error instanceof Left) return unheard
    this.#report(error)
    const { code } = toError(error) as { readonly code?: unknown }
    const known = typeof code === 'string' && code.startsWith('SEMEL_') ? code : 'SEMEL_UNEXPECTED'
    return new Refusal(500, known, 'that is no fault of the request').answer()
  }

  #report(error: unknown): void {
    const { onError } = this.#options
    if (onError !== undefined) {
      try {
        onError(error)
      } catch {
        // It is told of errors, and has nobody to tell its own.
      }
      return
    }
    // Once: clients could fill a log with it.
    if (this.#hasWarned) return
    this.#hasWarned = true
    process.emitWarning(toError(error))
  }
}
