import { every } from '../../../core/waiting/timers.js'
import type { Answer, Ask, Watch } from './ask.js'
import { checkKey, scopedId } from './idempotency-key.js'
import { KnownKey, type KnownKeys } from './known-keys.js'
import type { CheckedHttpOptions } from './options.js'
import { malformed, overloaded, unknownKey } from './refusal.js'
import { recalled, recalledStatus } from './recall.js'

/** A word to clients that watch, so that neither they nor what is between takes the silence for an end. */
const keepaliveMs = 15_000

export interface LooksParts<Raw> {
  readonly options: Pick<
    CheckedHttpOptions<unknown, Raw>,
    'scope' | 'recall' | 'watchersMax' | 'retryAfterMs'
  >
  readonly keys: KnownKeys
  readonly closing: AbortSignal
}

/** Requests that ask what became of another one, once or for as long as it takes. */
export class Looks<Raw> {
  readonly #parts: LooksParts<Raw>
  #watchers = 0

  constructor(parts: LooksParts<Raw>) {
    this.#parts = parts
  }

  get watchers(): number {
    return this.#watchers
  }

  async look(ask: Ask<Raw>): Promise<Answer> {
    const { options, keys } = this.#parts
    const given = new URLSearchParams(ask.target.replace(/^[^?]*/, '')).get('key')
    if (given === null) throw malformed('there is no key; give ?key=, as Location had it')
    const key = checkKey(given)
    const id = scopedId(options.scope, ask.raw, key)
    const known = keys.find(id) ?? (await this.#recalled(id, key))
    if (known === undefined) throw unknownKey(key)
    if (!wantsEvents(ask)) return told(known, options.retryAfterMs)
    // By that, and by nothing else, an EventSource is kept from coming back.
    if (ask.header('last-event-id') === 'ended')
      return { status: 204, headers: {}, body: undefined }
    if (this.#watchers >= options.watchersMax) {
      throw overloaded(503, 'too many watch', options.retryAfterMs)
    }
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
      body: this.#watch(known),
    }
  }

  async #recalled(id: string, key: string): Promise<KnownKey | undefined> {
    const found = await recalled(this.#parts.options.recall, id)
    if (found === undefined) return undefined
    const known = new KnownKey(id, key, found.fingerprint)
    known.advance(recalledStatus(found))
    return known
  }

  #watch(known: KnownKey): Watch {
    return {
      begin: (listener) => {
        this.#watchers += 1
        let isOver = false
        const over = (): void => {
          if (isOver) return
          isOver = true
          this.#watchers -= 1
          endKeepalive()
          endWatch()
          this.#parts.closing.removeEventListener('abort', end)
        }
        const end = (): void => {
          over()
          listener.end()
        }
        const tell = (): void => {
          if (isOver) return
          listener.tell(eventOf(known))
          if (known.status.status === 'ended' || known.failure !== undefined) end()
        }
        const endWatch = known.watch(tell)
        const endKeepalive = every(
          keepaliveMs,
          () => {
            if (listener.isReading) listener.tell(':\n\n')
            else end()
          },
          { keepsAlive: false },
        )
        this.#parts.closing.addEventListener('abort', end)
        tell()
        if (this.#parts.closing.aborted) end()
        return over
      },
    }
  }
}

function wantsEvents(ask: Pick<Ask<unknown>, 'header' | 'method'>): boolean {
  return ask.method === 'GET' && /(?:^|,)\s*text\/event-stream\b/i.test(ask.header('accept') ?? '')
}

function told(known: KnownKey, retryAfterMs: number): Answer {
  const isOver = known.status.status === 'ended'
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(isOver ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    },
    body: `${known.text}\n`,
  }
}

/** One of the status that a client is told of by its key, with the status as its name. */
function eventOf(known: KnownKey): string {
  if (known.failure !== undefined) return 'event: unknown\ndata: {}\n\n'
  const { status } = known.status
  return `event: ${status}\nid: ${status}\ndata: ${known.text}\n\n`
}
