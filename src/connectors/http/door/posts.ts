import { randomUUID } from 'node:crypto'
import { SemelError } from '../../../core/errors.js'
import type { MessageHeaders } from '../../../core/headers.js'
import { after } from '../../../core/waiting/timers.js'
import { quotedKey } from '../quoted-key.js'
import { Left, type Answer, type Ask } from './ask.js'
import { keyIn, scopedId, statusLocation } from './idempotency-key.js'
import { checkBody, checkMedia, fingerprintOf, parseJson } from './json-body.js'
import { KnownKey, type KnownKeys } from './known-keys.js'
import type { CheckedHttpOptions, Posted } from './options.js'
import { isSame, recalled, recalledStatus } from './recall.js'
import {
  closed,
  malformed,
  overloaded,
  Refusal,
  refusalOf,
  reusedKey,
  tooSlow,
  unanswered,
  underWay,
} from './refusal.js'
import { endedOf, hasFailed, storedOf } from './status.js'
import type { Acknowledged, Taking } from './taking.js'

export interface PostsParts<In, Raw> {
  readonly stream: Taking<In>
  readonly options: CheckedHttpOptions<In, Raw>
  readonly keys: KnownKeys
  /** Told of what the program does wrong, where no client is answered with that. */
  readonly report: (error: unknown) => void
}

/**
 * Requests that become messages. From the time that a key's body is known, until its message is stored
 * or has ended, the key is under way, whether its client still waits or not: so one that is sent again
 * meanwhile is refused, and never overtakes the first.
 */
export class Posts<In, Raw> {
  readonly #parts: PostsParts<In, Raw>
  #underWay = 0

  constructor(parts: PostsParts<In, Raw>) {
    this.#parts = parts
  }

  get underWay(): number {
    return this.#underWay
  }

  async take(ask: Ask<Raw>): Promise<Answer> {
    const { underWayMax, retryAfterMs } = this.#parts.options
    if (this.#underWay >= underWayMax) {
      throw overloaded(503, 'too many requests are under way', retryAfterMs)
    }
    this.#underWay += 1
    const over = (): void => {
      this.#underWay -= 1
    }
    let isSent = false
    try {
      const posted = await this.#posted(ask)
      const before = this.#parts.keys.find(posted.id)
      if (before !== undefined) return this.#again(before, posted.fingerprint)
      const known = new KnownKey(posted.id, posted.key, posted.fingerprint)
      this.#parts.keys.add(known)
      const admitted = await this.#admit(known, posted, ask.left)
      if (admitted === undefined) return this.#answerOf(known)
      // From here on the message is the stream's, and nothing can take it back.
      isSent = true
      void this.#send(known, admitted.message, this.#headersOf(ask)).finally(over)
      return await this.#answered(known, ask.left)
    } finally {
      if (!isSent) over()
    }
  }

  /** @throws Refusal for a request that is none */
  async #posted(ask: Ask<Raw>): Promise<Posted<never, Raw>> {
    const { validate, scope } = this.#parts.options
    const key = this.#keyOf(ask)
    const bytes = await this.#read(ask)
    return {
      body: (await checkBody(parseJson(bytes), validate)) as never,
      id: scopedId(scope, ask.raw, key),
      key,
      fingerprint: fingerprintOf(ask.target, bytes),
      request: ask.raw,
    }
  }

  /**
   * The message, once there is room for it.
   * @returns undefined where its effect is there already
   */
  async #admit(
    known: KnownKey,
    posted: Posted<never, Raw>,
    left: AbortSignal,
  ): Promise<{ readonly message: In } | undefined> {
    try {
      if (await this.#isRecalled(known, posted.fingerprint, left)) return undefined
      const message = this.#parts.options.message(posted)
      await this.#room(left)
      return { message }
    } catch (error) {
      // It is as if it had never come; who watches it is told.
      this.#parts.keys.remove(known)
      known.fail(error)
      throw error
    }
  }

  /** Whether an answer tells how the message ended, and not only that it is stored. */
  get #tellsEnds(): boolean {
    const { stream, options } = this.#parts
    return (options.acknowledge ?? stream.acknowledge) !== 'stored'
  }

  #keyOf(ask: Ask<Raw>): string {
    const header = ask.header('idempotency-key')
    if (header !== undefined) return keyIn(header)
    if (this.#parts.options.isKeyOptional) return randomUUID()
    throw malformed(
      'there is no Idempotency-Key; give one that is new for each request, and the same when that is sent again',
    )
  }

  async #read(ask: Ask<Raw>): Promise<Uint8Array> {
    checkMedia(ask)
    const { bodyBytesMax, bodyMsMax } = this.#parts.options
    const ended = new AbortController()
    const leave = (): void => ended.abort(new Left())
    const endWait = after(bodyMsMax, () => ended.abort(tooSlow(bodyMsMax)))
    ask.left.addEventListener('abort', leave)
    if (ask.left.aborted) leave()
    try {
      return await ask.read(bodyBytesMax, ended.signal)
    } finally {
      endWait()
      ask.left.removeEventListener('abort', leave)
    }
  }

  /** Of one whose key is known already. */
  #again(known: KnownKey, fingerprint: string): Answer {
    if (known.fingerprint !== undefined && known.fingerprint !== fingerprint) {
      throw reusedKey(known.key)
    }
    if (!isAnswerable(known)) {
      throw underWay(known.key, statusLocation(known.key), this.#parts.options.retryAfterMs)
    }
    return this.#answerOf(known)
  }

  /** Whether its effect is found where effects are. */
  async #isRecalled(known: KnownKey, fingerprint: string, left: AbortSignal): Promise<boolean> {
    const found = await recalled(this.#parts.options.recall, known.id)
    if (left.aborted) throw new Left()
    if (found === undefined) return false
    if (!isSame(found, fingerprint)) throw reusedKey(known.key)
    if (found.fingerprint === undefined) known.hadForerunner()
    known.advance(recalledStatus(found))
    this.#parts.keys.remember(known)
    return true
  }

  #headersOf(ask: Ask<Raw>): MessageHeaders | undefined {
    const { headers } = this.#parts.options
    if (headers.length === 0) return undefined
    const given = headers.map((name) => [name, ask.header(name)] as const)
    const there = given.filter((one): one is [string, string] => one[1] !== undefined)
    return there.length === 0 ? undefined : Object.fromEntries(there)
  }

  /** Until the stream has room: what is sent before would wait for it beyond anybody's patience. */
  async #room(left: AbortSignal): Promise<void> {
    const { stream, options } = this.#parts
    const { roomMsMax, retryAfterMs } = options
    try {
      await stream.ready({ signal: left, timeout: roomMsMax })
    } catch (error) {
      if (left.aborted) throw new Left()
      if (stream.isOver) throw closed(retryAfterMs)
      if ((error as { readonly code?: unknown } | null)?.code !== 'SEMEL_TIMEOUT') throw error
      throw overloaded(503, 'there is no room', retryAfterMs)
    }
    if (left.aborted) throw new Left()
  }

  /** Never rejects; resolves when the message is stored or has ended, or nobody will know. */
  async #send(known: KnownKey, message: In, headers: MessageHeaders | undefined): Promise<void> {
    const { stream, options, keys } = this.#parts
    const { acknowledge } = options
    try {
      const told = (await stream.send(message, {
        ...(acknowledge === undefined ? {} : { acknowledge }),
        ...(headers === undefined ? {} : { headers }),
      })) as Acknowledged
      if (typeof told.outcome === 'object') this.#stored(known, told, told.outcome)
      else await this.#ended(known, told)
    } catch (error) {
      keys.remove(known)
      known.fail(error)
    }
  }

  #stored(known: KnownKey, receipt: Acknowledged, outcome: Promise<Acknowledged>): void {
    known.advance(storedOf(receipt))
    this.#parts.keys.remember(known)
    outcome
      .then((end) => this.#ended(known, end))
      .catch((error: unknown) => {
        this.#parts.keys.remove(known)
        known.fail(error)
        // Its client has its answer: what was thrown by `recall` is for the program.
        if (!(error instanceof SemelError || error instanceof Refusal)) this.#parts.report(error)
      })
  }

  async #ended(known: KnownKey, end: Acknowledged): Promise<void> {
    const { options, keys } = this.#parts
    const outcome = end.outcome as Exclude<Acknowledged['outcome'], Promise<Acknowledged>>
    // Of a batch that was told before this message's end: that comes unasked, and by its number alone.
    if (outcome === 'parked') known.advance(storedOf(end))
    else {
      const found = outcome === 'duplicate' ? await recalled(options.recall, known.id) : undefined
      if (found !== undefined && !isSame(found, known.fingerprint)) throw reusedKey(known.key)
      if (outcome === 'duplicate' && found?.fingerprint === undefined) known.hadForerunner()
      known.advance(
        found === undefined ? endedOf(end, outcome, options.tellsErrors) : recalledStatus(found),
      )
    }
    keys.remember(known)
  }

  /** What is answered once that is known; or that it is not. */
  async #answered(known: KnownKey, left: AbortSignal): Promise<Answer> {
    const { options, stream } = this.#parts
    const { answerMsMax, retryAfterMs } = options
    if (!isAnswerable(known)) {
      await new Promise<void>((resolve) => {
        const over = (): void => {
          endWatch()
          endWait()
          left.removeEventListener('abort', over)
          resolve()
        }
        const endWatch = known.watch(over)
        const endWait = after(answerMsMax, over)
        left.addEventListener('abort', over)
        if (left.aborted) over()
      })
    }
    if (left.aborted) throw new Left()
    if (isAnswerable(known)) return this.#answerOf(known)
    const { failure } = known
    if (failure === undefined) {
      throw unanswered(known.key, statusLocation(known.key), retryAfterMs)
    }
    if (failure.error instanceof Refusal) throw failure.error
    throw refusalOf(failure.error, stream.isOver, retryAfterMs) ?? failure.error
  }

  #answerOf(known: KnownKey): Answer {
    const { status } = known
    const headers = {
      'idempotency-key': quotedKey(known.key),
      location: statusLocation(known.key),
    }
    const isEnd = status.status === 'ended' && this.#tellsEnds
    if (isEnd && hasFailed(status)) {
      const { outcome, error } = status
      const code = error?.code ?? 'SEMEL_DEAD_LETTERED'
      return new Refusal(422, code, error?.message ?? 'the request failed for good', {
        headers,
        told: { key: known.key, outcome },
      }).answer()
    }
    return {
      status: isEnd ? 200 : 202,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
      body: `${known.text}\n`,
    }
  }
}

/** Whether its first client was answered, or can be. */
function isAnswerable(known: KnownKey): boolean {
  return known.status.status !== 'under-way'
}
