import type { Stream } from 'semel'
import type { Job } from '../job.js'
import { messageOf, type Message } from '../messages.js'
import { Random } from '../random.js'
import { isKept, takesSends } from '../setting.js'
import { faultPoint } from './points.js'
import type { Teller } from './teller.js'

/** Messages whose acknowledgments are awaited at the same time. */
const outstandingMax = 256
const burstMax = 32
/** How far back copies of earlier messages reach. */
const copiesBack = 400
/** Bursts of the last run. */
const lastBursts = 12
/** More than an eighth of the ring: refused, and never stored. */
const tooLargeBytes = 20_000

/** Sends and pushes: new messages, copies of earlier ones, and some that can't be taken. */
export class Traffic {
  readonly #job: Job
  readonly #stream: Stream<Message>
  readonly #teller: Teller
  readonly #random: Random
  #next: number
  #outstanding = 0
  #wake: (() => void) | undefined
  #ended = false

  constructor(job: Job, stream: Stream<Message>, teller: Teller) {
    this.#job = job
    this.#stream = stream
    this.#teller = teller
    this.#random = new Random(job.seed)
    this.#next = job.from
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async run(): Promise<void> {
    const { resend, isLast, setting } = this.#job
    if (!takesSends(setting)) {
      await this.#watch()
      return
    }
    for (let at = 0; at < resend.length; at += burstMax) {
      await this.#burst(resend.slice(at, at + burstMax))
    }
    const burstsMax = isLast ? lastBursts : Infinity
    for (let bursts = 0; !this.#ended && bursts < burstsMax; bursts++) {
      await this.#burst(this.#draw())
      if (bursts % 8 === 0) this.#teller.counters('counters', this.#stream.shardCounters())
      if (!isLast && this.#random.chance(0.02)) await this.drain()
    }
  }

  /** Tells when everything that was sent has its outcome. */
  async drain(): Promise<void> {
    const { copies } = this.#teller
    await this.#stream.drain()
    this.#teller.flush()
    this.#teller.tell('drained', String(copies))
  }

  /** Where nothing can be sent: tells the counters until the end, as lines that a life is measured by. */
  async #watch(): Promise<void> {
    while (!this.#ended && !this.#job.isLast) {
      this.#teller.counters('counters', this.#stream.shardCounters())
      await new Promise((resolve) => {
        setTimeout(resolve, 2)
      })
    }
  }

  #draw(): number[] {
    const random = this.#random
    const oldest = isKept(this.#job.setting) ? 0 : this.#job.from
    return Array.from({ length: random.between(1, burstMax) }, () => {
      const back = Math.min(this.#next - oldest, copiesBack)
      if (back > 0 && random.chance(0.08)) return this.#next - random.between(1, back)
      this.#next += 1
      return this.#next - 1
    })
  }

  async #burst(ids: readonly number[]): Promise<void> {
    const first = this.#teller.sending(ids)
    for (const [i, id] of ids.entries()) {
      const message = this.#message(id)
      if (this.#random.chance(0.25)) await this.#push(message, first + i)
      else this.#send(message, first + i)
    }
    faultPoint('runtime.pushed')
    while (this.#outstanding > outstandingMax && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }

  /** Some ids never fit: all of their copies are refused. */
  #message(id: number): Message {
    const message = messageOf(id, this.#job.setting)
    return id % 997 === 996 ? { ...message, pad: 'x'.repeat(tooLargeBytes) } : message
  }

  #send(message: Message, copy: number): void {
    this.#outstanding += 1
    void this.#stream
      .send(message)
      .then(
        (told) => {
          this.#teller.received(copy, told)
          faultPoint('runtime.receipt')
        },
        (error: unknown) => this.#teller.refused(copy, error),
      )
      .finally(() => {
        this.#outstanding -= 1
        if (this.#outstanding <= outstandingMax) this.#wake?.()
      })
  }

  async #push(message: Message, copy: number): Promise<void> {
    try {
      while (!this.#stream.push(message)) await this.#stream.ready()
    } catch (error) {
      this.#teller.refused(copy, error)
    }
  }
}
