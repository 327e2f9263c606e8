import { join } from 'node:path'
import { open, type DeadLetter, type Definition, type OpenOptions, type Stream } from 'semel'
import { bounded } from './bounded.js'
import { canonical } from './canonical.js'
import type { Action, Case } from './case.js'
import { onWithin } from './evaluate.js'
import { numberOf } from './number-of.js'
import type { LetterSeen, Observe } from './observations.js'
import { Sending, textOf } from './sending.js'

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
  #sending!: Sending
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
    this.#sending = new Sending(this.#case, stream, this.#observe)
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
        const sent = this.#sending.send(action.message)
        return action.awaited ? this.#bounded('send', sent) : this.#later(sent)
      }
      case 'push':
        return this.#sending.push(action.message)
      case 'sendMany': {
        const sent = this.#sending.sendMany(action.messages)
        return action.awaited ? this.#bounded('sendMany', sent) : this.#later(sent)
      }
      case 'consume': {
        const consumed = this.#sending.consume(action.source, action.rows)
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
        if (!action.beside) await this.#settle()
        await this.#close(false)
        await this.#settle()
        return this.#open()
      default:
        return action satisfies never
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

  #fault(fault: string, error: unknown): void {
    this.#observe({ fault, text: textOf(error) })
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
  const n = numberOf(message)
  return {
    ...(n === undefined ? {} : { n }),
    isMalformed: malformed !== undefined,
    shard,
    number,
    sequence,
    text: canonical(message),
    history: history.length,
    reason: history.at(-1)?.error ?? '',
  }
}
