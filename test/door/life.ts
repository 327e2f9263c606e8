import { join } from 'node:path'
import {
  open,
  SemelError,
  type DeadLetter,
  type Definition,
  type OpenOptions,
  type Source,
  type Stream,
} from 'semel'
import { bounded } from './bounded.js'
import { canonical } from './canonical.js'
import type { Action, Case, Message } from './case.js'
import { onWithin, valueOf } from './evaluate.js'
import type { LetterSeen, Observe } from './observations.js'

/** No single wait may take longer. */
const waitMs = 15_000

/** Where so little fits, everything waits for room. */
const leastBounds: OpenOptions = { parkedMax: 1, inFlightMax: 16, awaitedMax: 1, groupPauseUs: 0 }

/** Performs a case's actions on a stream, and tells what comes of them. */
export class Life {
  readonly #case: Case
  readonly #dir: string
  readonly #pipeline: URL | Definition<unknown>
  readonly #observe: Observe
  /** What was not awaited. */
  #pending: Promise<void>[] = []
  #stream!: Stream<unknown>
  #life: number

  /** @param life how many have been before, each ended by a kill */
  constructor(
    given: Case,
    dir: string,
    pipeline: URL | Definition<unknown>,
    observe: Observe,
    life: number,
  ) {
    this.#case = given
    this.#dir = dir
    this.#pipeline = pipeline
    this.#observe = observe
    this.#life = life
  }

  /** From an action on to the end, or to a kill: then the place behind it is told, and `kill` called. */
  async run(from: number, kill: () => void): Promise<void> {
    await this.#open()
    for (const [i, action] of this.#case.actions.entries()) {
      if (i < from) continue
      if (action.do === 'kill') {
        this.#observe({ killed: i + 1 })
        return kill()
      }
      await this.#act(action)
    }
    await this.#settle()
    await this.#bounded('drain', this.#stream.drain())
    await this.#close(true)
    await this.#open()
    await this.#bounded('drain after reopening', this.#stream.drain())
    await this.#close(true)
  }

  async #open(): Promise<void> {
    const { shards, workers, durability, acknowledge, ring, least } = this.#case.setting
    const options: OpenOptions = {
      dir: join(this.#dir, 'data'),
      durability,
      shards,
      workers,
      acknowledge: acknowledge === 'batched' ? { batched: 3, within: '2ms' } : acknowledge,
      ring,
      segment: ring === '16MiB' ? '16MiB' : '1MiB',
      ...(least ? leastBounds : {}),
    }
    const opening = open(this.#pipeline as Definition<unknown>, options)
    const stream = await this.#bounded('open', opening)
    this.#stream = stream
    this.#life += 1
    stream.on('failed', (error) => this.#fault('failed', error))
    const { listener } = this.#case.setting
    if (listener === 'throws') {
      stream.on('dead-letter', () => {
        throw new ListenerError()
      })
    }
    if (listener === 'rejects') stream.on('dead-letter', () => Promise.reject(new ListenerError()))
    onWithin(() => {
      try {
        stream.push({ n: 0, value: null })
      } catch {
        // Refused within a send, which is an answer.
      }
    })
    this.#observe({ life: this.#life, opened: { ...stream.opened } })
  }

  async #close(isDrained: boolean): Promise<void> {
    const letters = this.#letters().map(seenOf)
    this.#observe({ letters })
    this.#observe({ counters: { ...this.#stream.counters() }, isDrained })
    await this.#bounded('close', this.#stream.close())
  }

  async #act(action: Exclude<Action, { do: 'kill' }>): Promise<void> {
    switch (action.do) {
      case 'send': {
        const sent = this.#send(action.message)
        return action.awaited ? this.#bounded('send', sent) : this.#later(sent)
      }
      case 'push':
        return this.#push(action.message)
      case 'sendMany': {
        const sent = this.#sendMany(action.messages)
        return action.awaited ? this.#bounded('sendMany', sent) : this.#later(sent)
      }
      case 'consume': {
        const consumed = this.#consume(action.source, action.rows)
        return action.awaited ? this.#bounded('consume', consumed) : this.#later(consumed)
      }
      case 'flush':
      case 'ready':
      case 'drain':
        return this.#bounded(action.do, this.#stream[action.do]())
      case 'settle':
        return this.#settle()
      case 'retry':
      case 'drop':
        return this.#endLetter(action.do, action.letter)
      case 'reopen':
        await this.#settle()
        await this.#close(false)
        return this.#open()
      default:
        return action satisfies never
    }
  }

  async #send(message: Message): Promise<void> {
    const door = message.n
    try {
      const told = await this.#stream.send(this.#made(message))
      const { shard, sequence } = told
      const outcome = typeof told.outcome === 'string' ? { outcome: told.outcome } : {}
      this.#observe({ door, how: 'taken', shard, sequence, ...outcome })
    } catch (error) {
      this.#refused(door, error)
    }
  }

  #push(message: Message): void {
    try {
      const how = this.#stream.push(this.#made(message)) ? 'taken' : 'full'
      this.#observe({ door: message.n, how })
    } catch (error) {
      this.#refused(message.n, error)
    }
  }

  async #sendMany(messages: readonly Message[]): Promise<void> {
    const statuses = await this.#stream.sendMany(messages.map((message) => this.#made(message)))
    for (const [i, status] of statuses.entries()) {
      const { n: door } = messages[i] as Message
      if (status.status === 'acknowledged') {
        const { shard, sequence, outcome: end } = status.value
        const outcome = typeof end === 'string' ? { outcome: end } : {}
        this.#observe({ door, how: 'taken', shard, sequence, ...outcome })
      } else if (status.status === 'refused') {
        this.#refused(door, status.error)
      } else {
        this.#observe({ door, how: 'unknown' })
      }
    }
  }

  async #consume(number: number, upTo: number): Promise<void> {
    const { partition, rows } = this.#case.sources[number] as Case['sources'][number]
    const made = rows.slice(0, upTo).map((row) => this.#made(row))
    const source: Source<unknown> = {
      name: partition,
      resumable: true,
      partitions: [partition],
      async *read({ offsets }) {
        for (let at = offsets.get(partition) ?? 0; at < made.length; at += 2) {
          const part = made.slice(at, at + 2)
          const offset = at + part.length
          yield {
            partition,
            rows: part.map((message, i) => ({ message, offset: at + i + 1 })),
            offset,
          }
        }
      },
    }
    try {
      const { rows: read, malformed } = await this.#stream.consume(source)
      for (const { n: door } of rows.slice(0, upTo)) this.#observe({ door, how: 'taken' })
      this.#observe({ consumed: number, rows: read, malformed })
    } catch (error) {
      this.#fault('consume', error)
    }
  }

  async #endLetter(how: 'retry' | 'drop', number: number): Promise<void> {
    const letters = this.#letters()
    if (letters.length === 0) return
    const letter = letters[number % letters.length] as DeadLetter
    if (letter.malformed !== undefined && how === 'retry') return
    try {
      await this.#bounded(how, this.#stream.deadLetters[how](letter))
      this.#observe({ ended: how, letter: seenOf(letter) })
    } catch (error) {
      // The other was asked for before, and is under way.
      if (!/is being (?:sent again|dropped)/.test(String((error as Error).message))) {
        this.#fault(how, error)
      }
    }
  }

  #letters(): DeadLetter[] {
    try {
      return [...this.#stream.deadLetters.list()]
    } catch (error) {
      this.#fault('deadLetters.list', error)
      return []
    }
  }

  async #settle(): Promise<void> {
    const pending = this.#pending
    this.#pending = []
    await this.#bounded('what was not awaited', Promise.all(pending))
  }

  #later(promise: Promise<void>): void {
    this.#pending.push(promise)
  }

  /** The message, made anew: what is done to it later is done to nobody else's. */
  #made({ n, value }: Message): unknown {
    const made = valueOf(value)
    return this.#case.setting.bare ? made : { n, value: made }
  }

  #refused(door: number, error: unknown): void {
    const { code, message: text } = (error ?? {}) as SemelError
    if (error instanceof SemelError) this.#observe({ door, how: 'refused', code, text })
    else
      this.#observe({ door, how: 'refused', text: `no error of the library: ${canonical(error)}` })
  }

  #fault(fault: string, error: unknown): void {
    const { code, message } = (error ?? {}) as Partial<SemelError>
    this.#observe({ fault, text: `${code} ${message}` })
  }

  async #bounded<T>(what: string, promise: Promise<T>): Promise<T> {
    return bounded(what, promise, waitMs)
  }
}

/** What a listener throws: reported by the process, but no business of the stream's. */
export class ListenerError extends Error {
  override readonly name = 'ListenerError'
}

function seenOf({ shard, number, sequence, message, malformed, history }: DeadLetter): LetterSeen {
  const n = (message as { n?: unknown } | undefined | null)?.n
  return {
    ...(typeof n === 'number' ? { n } : {}),
    isMalformed: malformed !== undefined,
    shard,
    number,
    sequence,
    text: canonical(message),
    history: history.length,
    reason: history.at(-1)?.error ?? '',
  }
}
