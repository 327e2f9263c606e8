import { SemelError, type Source, type Stream } from 'semel'
import { canonical } from './canonical.js'
import type { Case, Message } from './case.js'
import { valueOf } from './evaluate.js'
import type { Observe } from './observations.js'

/** Gives messages to a stream by each of its doors, and tells what these say of them. */
export class Sending {
  readonly #case: Case
  readonly #stream: Stream<unknown>
  readonly #observe: Observe

  constructor(given: Case, stream: Stream<unknown>, observe: Observe) {
    this.#case = given
    this.#stream = stream
    this.#observe = observe
  }

  async send(message: Message): Promise<void> {
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

  push(message: Message): void {
    try {
      const how = this.#stream.push(this.#made(message)) ? 'taken' : 'full'
      this.#observe({ door: message.n, how })
    } catch (error) {
      this.#refused(message.n, error)
    }
  }

  async sendMany(messages: readonly Message[]): Promise<void> {
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

  async consume(number: number, upTo: number): Promise<void> {
    const {
      partition,
      batch: batchRows,
      rows,
    } = this.#case.sources[number] as Case['sources'][number]
    const made = rows.slice(0, upTo).map((row) => this.#made(row))
    const source: Source<unknown> = {
      name: partition,
      resumable: true,
      partitions: [partition],
      async *read({ offsets }) {
        for (let at = Number(offsets.get(partition) ?? 0); at < made.length; at += batchRows) {
          const part = made.slice(at, at + batchRows)
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
      // It is read on in the next life.
      if ((error as Partial<SemelError> | undefined)?.code === 'SEMEL_CLOSED') return
      this.#observe({ fault: 'consume', text: textOf(error) })
    }
  }

  /** The message, made anew: what is done to it later is done to nobody else's. */
  #made({ n, value }: Message): unknown {
    const made = valueOf(value)
    return this.#case.setting.bare || this.#case.setting.raw ? made : { n, value: made }
  }

  #refused(door: number, error: unknown): void {
    const { code, message: text } = (error ?? {}) as SemelError
    if (code === 'SEMEL_CLOSED') this.#observe({ door, how: 'unknown' })
    else if (error instanceof SemelError) this.#observe({ door, how: 'refused', code, text })
    else
      this.#observe({ door, how: 'refused', text: `no error of the library: ${canonical(error)}` })
  }
}

/** What an error is told as. */
export function textOf(error: unknown): string {
  const { code, message } = (error ?? {}) as Partial<SemelError>
  return `${code} ${message}`
}
