import { setTimeout as sleep } from 'node:timers/promises'
import type { Asked } from './payment.js'

/** What a shop has heard of all its payments. */
export interface Heard {
  /** Keys of payments that were answered 202 or 200. */
  readonly accepted: string[]
  /** Requests that were sent again, since nobody answered or they came at a bad time. */
  retries: number
  /** Payments that were sent again although they had been answered. */
  copies: number
  /** Keys that were used for another payment, when the first one was booked. */
  reused: number
  /** Of these, what was answered otherwise than 422. */
  readonly wrong: string[]
}

const restMs = 10

/** A shop: it sends each payment until it has an answer, always with the same key. */
export class Shop {
  readonly heard: Heard = { accepted: [], retries: 0, copies: 0, reused: 0, wrong: [] }
  readonly #urlOf: () => string

  constructor(urlOf: () => string) {
    this.#urlOf = urlOf
  }

  /** @param at its number, from which it follows what else happens to it */
  async pay(key: string, asked: Asked, at: number): Promise<void> {
    const { heard } = this
    await this.#send(key, asked)
    heard.accepted.push(key)
    // A shop that has lost its note of the answer.
    if (at % 5 === 3) {
      heard.copies += 1
      await this.#send(key, asked)
    }
    // One that takes an old key for a new payment.
    if (at % 10 === 4) {
      await this.#untilBooked(key, asked)
      heard.reused += 1
      const { status, body } = await this.#post(key, { ...asked, cents: asked.cents + 1 })
      if (status !== 422) heard.wrong.push(`${key} for another payment: ${status} ${body}`)
    }
  }

  async #send(key: string, asked: Asked): Promise<void> {
    const { status, body } = await this.#post(key, asked)
    if (status !== 202 && status !== 200) this.heard.wrong.push(`${key}: ${status} ${body}`)
  }

  async #untilBooked(key: string, asked: Asked): Promise<void> {
    for (;;) {
      const answer = await this.#fetch(`?key=${key}`, { headers: { accept: 'application/json' } })
      if (
        answer?.status === 200 &&
        (JSON.parse(answer.body) as { status: string }).status === 'ended'
      )
        return
      await sleep(restMs)
      // Behind a restart nothing is known of a key until it is booked, or sent again.
      if (answer?.status === 404) await this.#send(key, asked)
    }
  }

  /** The answer for good. */
  async #post(key: string, asked: Asked): Promise<Answer> {
    for (;;) {
      const answer = await this.#fetch('', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': `"${key}"` },
        body: JSON.stringify(asked),
      })
      const isLater =
        answer === undefined || answer.status >= 500 || [409, 429].includes(answer.status)
      if (!isLater) return answer
      this.heard.retries += 1
      await sleep(restMs)
    }
  }

  /** Undefined where there is no service, or it was killed before it had answered. */
  async #fetch(query: string, request: RequestInit): Promise<Answer | undefined> {
    try {
      const response = await fetch(this.#urlOf() + query, request)
      return { status: response.status, body: await response.text() }
    } catch {
      return undefined
    }
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}
