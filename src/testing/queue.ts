import { InvalidArgumentError } from '../core/errors.js'
import type { MessageHeaders } from '../core/headers.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'
import type { AcknowledgedConnection, AcknowledgedSource, HandedOut } from '../core/source.js'
import { after, nowMs, type End } from '../core/waiting/timers.js'

/** A call of a connection that a fault may strike. */
export type QueueCall = 'connect' | 'read' | 'safe' | 'extend'

/** `before`: the call throws and has done nothing; `after`: it has done what it does, and throws. */
export type QueueFault = 'before' | 'after' | undefined

export interface MemoryQueueOptions {
  /**
   * Messages that are under way at a time, 1…65,536.
   * @default 100
   */
  handOutMax?: number
  /**
   * How long a message is under way, in milliseconds, before it is given again: 1…86,400,000.
   * @default 1000
   */
  leaseMs?: number
  /** Asked at each call what is to go wrong with it; a connection that it strikes is lost. */
  fault?: (call: QueueCall) => QueueFault
}

/** What a queue in memory is looked at and steered by. */
export interface MemoryQueue<T> {
  readonly source: AcknowledgedSource<T>
  /** Behind those that are there. */
  put(...messages: readonly T[]): void
  /** The same, with headers that each of them has. */
  putWith(headers: MessageHeaders, ...messages: readonly T[]): void
  /** A message that can't be read. */
  putMalformed(text: string): void
  /** Nothing more will be put: a reading ends once all is acknowledged. */
  end(): void
  /** Loses all connections; what they had handed out is given again at once. */
  cut(): void
  /** Neither acknowledged nor under way; under way; acknowledged, in the order of that. */
  readonly waiting: number
  readonly underWay: number
  readonly acknowledged: readonly T[]
  /** How often a message was handed out, copies included. */
  readonly handedOut: number
}

interface Entry<T> {
  readonly content:
    | { readonly message: T; readonly headers?: MessageHeaders }
    | { readonly malformed: { text: string; line: number; reason: string } }
  /** Its newest handing out; undefined: it waits. */
  out: { readonly owner: object; dueMs: number } | undefined
}

/** By which a message is known that was handed out: an older one is stale. */
interface Token<T> {
  readonly entry: Entry<T>
  readonly out: NonNullable<Entry<T>['out']>
}

/**
 * An acknowledged source in memory, for tests: it gives a message again when its lease is over or its
 * connection is lost, bounds what is under way, and fails where it is told to.
 * @example
 * const queue = memoryQueue({ leaseMs: 50 })
 * queue.put(1, 2, 3)
 * queue.end()
 * await stream.consume(queue.source)
 * @throws InvalidArgumentError
 */
export function memoryQueue<T>(options: MemoryQueueOptions = {}): MemoryQueue<T> {
  const given = checkOptions<MemoryQueueOptions>(options, 'memoryQueue', [
    'handOutMax',
    'leaseMs',
    'fault',
  ])
  const handOutMax = wholeNumber(given.handOutMax ?? 100, 'memoryQueue.handOutMax', 1, 65_536)
  const leaseMs = wholeNumber(given.leaseMs ?? 1000, 'memoryQueue.leaseMs', 1, 86_400_000)
  const fault = (given.fault ?? (() => undefined)) as (call: QueueCall) => QueueFault
  if (typeof fault !== 'function') {
    throw new InvalidArgumentError(
      `memoryQueue.fault: ${shown(fault)} is not a function; give (call) => 'before', 'after' or undefined`,
    )
  }
  return new Queue<T>(handOutMax, leaseMs, fault)
}

class Queue<T> implements MemoryQueue<T> {
  readonly source: AcknowledgedSource<T>
  readonly acknowledged: T[] = []
  handedOut = 0
  readonly #handOutMax: number
  readonly #leaseMs: number
  readonly #fault: (call: QueueCall) => QueueFault
  #entries: Entry<T>[] = []
  #connections = new Set<Connection>()
  #waking: (() => void)[] = []
  #isEnded = false

  constructor(handOutMax: number, leaseMs: number, fault: (call: QueueCall) => QueueFault) {
    this.#handOutMax = handOutMax
    this.#leaseMs = leaseMs
    this.#fault = fault
    this.source = Object.freeze({
      name: 'memory queue',
      kind: 'acknowledged' as const,
      connect: ({ signal }: { readonly signal: AbortSignal }) => this.#connect(signal),
    })
  }

  get waiting(): number {
    return this.#entries.filter(({ out }) => out === undefined).length
  }

  get underWay(): number {
    return this.#entries.length - this.waiting
  }

  put(...messages: readonly T[]): void {
    for (const message of messages) this.#entries.push({ content: { message }, out: undefined })
    this.#wake()
  }

  putWith(headers: MessageHeaders, ...messages: readonly T[]): void {
    for (const message of messages) {
      this.#entries.push({ content: { message, headers }, out: undefined })
    }
    this.#wake()
  }

  putMalformed(text: string): void {
    const malformed = { text, line: 0, reason: 'it was put so' }
    this.#entries.push({ content: { malformed }, out: undefined })
    this.#wake()
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  cut(): void {
    for (const connection of this.#connections) this.#lose(connection)
    this.#wake()
  }

  #connect(signal: AbortSignal): AcknowledgedConnection<T> {
    const connection: Connection = { isLost: false }
    const call = <R>(name: QueueCall, run: () => R): R => {
      if (connection.isLost) throw new Error('the connection is lost')
      const when = this.#fault(name)
      const answer = when === 'before' ? undefined : run()
      if (when === undefined) return answer as R
      this.#lose(connection)
      throw new Error(`the connection is lost ${when} ${name}`)
    }
    return call('connect', () => {
      this.#connections.add(connection)
      return {
        leaseMs: this.#leaseMs,
        read: () => this.#read(connection, call, signal),
        safe: (tokens) =>
          call('safe', () => tokens.filter((token) => !this.#acknowledge(token as Token<T>))),
        extend: (tokens) => call('extend', () => this.#extend(tokens as readonly Token<T>[])),
        close: () => this.#lose(connection),
      }
    })
  }

  async *#read(
    connection: Connection,
    call: <R>(name: QueueCall, run: () => R) => R,
    signal: AbortSignal,
  ): AsyncGenerator<readonly HandedOut<T>[]> {
    while (!signal.aborted) {
      const batch = call('read', () => this.#handOut(connection))
      if (batch.length > 0) yield batch
      else if (this.#isEnded && this.#entries.length === 0) return
      else await this.#changed(signal)
    }
  }

  #handOut(connection: Connection): readonly HandedOut<T>[] {
    const now = nowMs()
    for (const entry of this.#entries) {
      if (entry.out !== undefined && entry.out.dueMs <= now) entry.out = undefined
    }
    const room = this.#handOutMax - this.underWay
    const next = this.#entries.filter(({ out }) => out === undefined).slice(0, room)
    this.handedOut += next.length
    return next.map((entry) => {
      const out = { owner: connection, dueMs: now + this.#leaseMs }
      entry.out = out
      return { ...entry.content, token: { entry, out } satisfies Token<T> }
    })
  }

  /** Whether it is this handing out that counts. */
  #acknowledge({ entry, out }: Token<T>): boolean {
    if (entry.out !== out || out.dueMs <= nowMs()) return false
    const { content } = entry
    this.#entries.splice(this.#entries.indexOf(entry), 1)
    entry.out = undefined
    if ('message' in content) this.acknowledged.push(content.message)
    this.#wake()
    return true
  }

  #extend(tokens: readonly Token<T>[]): void {
    const now = nowMs()
    for (const { entry, out } of tokens) {
      if (entry.out === out && out.dueMs > now) out.dueMs = now + this.#leaseMs
    }
  }

  #lose(connection: Connection): void {
    connection.isLost = true
    this.#connections.delete(connection)
    for (const entry of this.#entries) if (entry.out?.owner === connection) entry.out = undefined
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waking.splice(0)) wake()
  }

  /** Until something is put, acknowledged, lost or due again, or the signal is given. */
  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let endWait: End | undefined
      const done = (): void => {
        endWait?.()
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waking.push(done)
      signal.addEventListener('abort', done)
      const dueMs = Math.min(...this.#entries.map(({ out }) => out?.dueMs ?? Infinity))
      if (dueMs !== Infinity) endWait = after(Math.max(1, dueMs - nowMs()), done)
    })
  }
}

interface Connection {
  isLost: boolean
}
