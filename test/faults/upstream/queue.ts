import type { AcknowledgedConnection, HandedOut } from 'semel'
import { memoryQueue, type MemoryQueue } from 'semel/testing'
import { brokenText, idsOf, isBroken } from '../messages.js'
import type { Random } from '../random.js'
import type { Setting } from '../setting.js'
import type { Line, Wire } from './wire.js'

/** How seldom a call of a connection loses it. */
const faultShare = 0.004

/** A queue that outlives the lives that read it; each connection of it is one of the wire. */
export class UpstreamQueue {
  readonly #queue: MemoryQueue<number>
  readonly #waiting: number[]
  #isCalm = false

  constructor(setting: Setting, random: Random) {
    this.#waiting = idsOf('queue', setting)
    this.#queue = memoryQueue<number>({
      handOutMax: random.between(5, 100),
      leaseMs: random.oneOf([200, 500, 2000]),
      fault: () =>
        !this.#isCalm && random.chance(faultShare) ? random.oneOf(['before', 'after']) : undefined,
    })
  }

  /** Those that it was told to forget, by their ids. */
  get acknowledged(): readonly number[] {
    return this.#queue.acknowledged
  }

  /** Whether it has nothing left. */
  get isDone(): boolean {
    return this.#waiting.length === 0 && this.#queue.waiting + this.#queue.underWay === 0
  }

  /** Where it stands, in words. */
  get state(): string {
    const { waiting, underWay, acknowledged, handedOut } = this.#queue
    return `queue: ${waiting} wait, ${underWay} are under way, ${acknowledged.length} acknowledged, ${handedOut} handed out`
  }

  /** A share of what is to come, or behind all lives the rest. */
  put(share: number): void {
    for (const id of this.#waiting.splice(0, Math.ceil(this.#waiting.length * share))) {
      if (isBroken(id)) this.#queue.putMalformed(brokenText(id))
      else this.#queue.put(id)
    }
    if (share < 1) return
    this.#isCalm = true
    this.#queue.end()
  }

  /** Begins a connection; what answers its lines. */
  join(wire: Wire): (line: Line) => void {
    const connection = this.#connect(wire)
    const tokens: unknown[] = []
    const batches = connection?.read()[Symbol.asyncIterator]()
    return (line) => {
      void (async () => {
        try {
          if (connection === undefined || batches === undefined) return
          // Only when it is asked for: a batch that waits on its way would not be extended.
          if (line['name'] === 'more') {
            await this.#handOut(batches, tokens, wire)
            return
          }
          const named = (line['tokens'] as number[]).map((at) => tokens[at])
          if (line['name'] === 'safe') {
            const stale = (await connection.safe(named)) ?? []
            wire.answer(
              line,
              stale.map((token) => tokens.indexOf(token)),
            )
          } else {
            await connection.extend?.(named)
            wire.answer(line)
          }
        } catch {
          wire.cut()
        }
      })()
    }
  }

  #connect(wire: Wire): AcknowledgedConnection<number> | undefined {
    const ended = new AbortController()
    try {
      const connection = this.#queue.source.connect({
        signal: ended.signal,
        notice: () => {},
      }) as AcknowledgedConnection<number>
      void wire.over.then(() => {
        ended.abort()
        return connection.close()
      })
      wire.send({ event: 'begun', leaseMs: connection.leaseMs })
      return connection
    } catch {
      wire.cut()
      return undefined
    }
  }

  async #handOut(
    batches: AsyncIterator<readonly HandedOut<number>[]>,
    tokens: unknown[],
    wire: Wire,
  ): Promise<void> {
    const batch = await batches.next()
    if (batch.done === true) {
      wire.send({ event: 'end' })
      return
    }
    const rows = batch.value.map((one) => {
      const at = tokens.push(one.token) - 1
      const id = 'message' in one ? one.message : Number(/\d+/.exec(one.malformed.text))
      return [id, at]
    })
    wire.send({ event: 'rows', rows })
  }
}
