import type { MessageHeaders } from '../core/headers.js'
import type { AcknowledgedConnection, AcknowledgedSource, HandedOut } from '../core/source.js'
import { sleep } from '../core/waiting/timers.js'
import { FixtureOfEach } from './fixture-of-each.js'
import { testUnless, type Runner, type Skip } from './runner.js'

/** A queue with messages that are known, and the ways to look at it. */
export interface AcknowledgedFixture {
  readonly source: AcknowledgedSource<unknown>
  /** In the order in which they are to be handed out; each once. */
  readonly messages: readonly unknown[]
  /**
   * What each of them has, by its index; undefined: nothing.
   * @default none of them has any
   */
  readonly headers?: readonly (MessageHeaders | undefined)[]
  /** Messages that the queue has still to give, or to give again. */
  left(): Promise<number> | number
  dispose?(): Promise<void> | void
}

/** An acknowledged source as the suite takes it. */
export interface AcknowledgedUnderTest {
  readonly name: string
  /** At least five messages; a lease, where there is one, of 100 ms to 2 s. */
  create(): Promise<AcknowledgedFixture> | AcknowledgedFixture
  /** Why a message is not given again when its lease is over. */
  readonly leases: true | Skip
}

/**
 * The suite that every acknowledged source passes.
 * @param runner of tests, such as `import * as vitest from 'vitest'`
 * @example
 * describeAcknowledgedSource(vitest, { name: 'queue', create, leases: true })
 */
export function describeAcknowledgedSource(runner: Runner, under: AcknowledgedUnderTest): void {
  const { describe, test, expect } = runner
  describe(`acknowledged source ${under.name}`, () => {
    const fixture = new FixtureOfEach(runner, () => under.create())
    const connect = async (): Promise<Reading> =>
      fixture.opened(await Reading.of(fixture.current.source))

    test('hands out each message once, in order, and forgets what is safe', async () => {
      const reading = await connect()
      const given = await reading.take(fixture.current.messages.length)
      expect(given.map(messageOf)).toEqual(fixture.current.messages)
      expect(given.map(headersOf)).toEqual(
        fixture.current.messages.map((_, at) => fixture.current.headers?.[at] ?? {}),
      )
      await reading.connection.safe(given.map(({ token }) => token))
      expect(await fixture.current.left()).toBe(0)
    })

    test('forgets in any order, and one at a time', async () => {
      const reading = await connect()
      const given = await reading.take(fixture.current.messages.length)
      let left = given.length
      for (const { token } of given.toReversed()) {
        await reading.connection.safe([token])
        left -= 1
        expect(await fixture.current.left()).toBe(left)
      }
    })

    test('gives again what was not safe when its connection was closed', async () => {
      const first = await connect()
      const given = await first.take(fixture.current.messages.length)
      await first.connection.safe([given[1], given[3]].map((one) => one?.token))
      await first.close()
      const second = await connect()
      const again = await second.take(fixture.current.messages.length - 2)
      const wanted = fixture.current.messages.filter((_, at) => at !== 1 && at !== 3)
      expect(again.map(messageOf).toSorted(byText)).toEqual(wanted.toSorted(byText))
    })

    test('ends its reading soon after the signal', async () => {
      const reading = await connect()
      await reading.take(fixture.current.messages.length)
      const ended = reading.next()
      reading.abort()
      expect(await Promise.race([ended, sleep(2000).then(() => 'late')])).toBe(undefined)
    })

    testUnless(runner, under.leases, 'gives a message again when its lease is over', async () => {
      const reading = await connect()
      const leaseMs = reading.connection.leaseMs as number
      expect(leaseMs).toBeGreaterThan(0)
      const [first] = await reading.take(fixture.current.messages.length)
      await sleep(leaseMs * 1.5)
      const [again] = await reading.take(1)
      expect(messageOf(again as HandedOut<unknown>)).toEqual(messageOf(first as HandedOut<unknown>))
      const stale = await reading.connection.safe([(first as HandedOut<unknown>).token])
      expect(stale).toEqual([(first as HandedOut<unknown>).token])
    })

    testUnless(runner, under.leases, 'keeps to itself what is extended', async () => {
      const reading = await connect()
      const leaseMs = reading.connection.leaseMs as number
      const given = await reading.take(fixture.current.messages.length)
      const tokens = given.map(({ token }) => token)
      for (let i = 0; i < 6; i++) {
        await sleep(leaseMs / 3)
        await reading.connection.extend?.(tokens)
      }
      expect((await reading.connection.safe(tokens)) ?? []).toEqual([])
      expect(await fixture.current.left()).toBe(0)
    })
  })
}

/** A connection that is read message by message. */
class Reading {
  readonly connection: AcknowledgedConnection<unknown>
  readonly #abort: AbortController
  readonly #batches: AsyncIterator<readonly HandedOut<unknown>[]>
  #ahead: HandedOut<unknown>[] = []
  #isClosed = false

  static async of(source: AcknowledgedSource<unknown>): Promise<Reading> {
    const abort = new AbortController()
    const connection = await source.connect({ signal: abort.signal, notice: () => {} })
    return new Reading(connection, abort)
  }

  private constructor(connection: AcknowledgedConnection<unknown>, abort: AbortController) {
    this.connection = connection
    this.#abort = abort
    this.#batches = connection.read()[Symbol.asyncIterator]()
  }

  /** The next one; undefined where the reading has ended. */
  async next(): Promise<HandedOut<unknown> | undefined> {
    while (this.#ahead.length === 0) {
      const { done, value } = await this.#batches.next()
      if (done === true) return undefined
      this.#ahead.push(...value)
    }
    return this.#ahead.shift()
  }

  async take(count: number): Promise<HandedOut<unknown>[]> {
    const taken: HandedOut<unknown>[] = []
    while (taken.length < count) {
      const one = await this.next()
      if (one === undefined) break
      taken.push(one)
    }
    return taken
  }

  abort(): void {
    this.#abort.abort()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.abort()
    await this.connection.close()
  }
}

function messageOf(one: HandedOut<unknown>): unknown {
  return 'message' in one ? one.message : one.malformed
}

function headersOf(one: HandedOut<unknown>): MessageHeaders {
  return ('message' in one ? one.headers : undefined) ?? {}
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}
