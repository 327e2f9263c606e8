import type { Acknowledge } from '../../core/acknowledge.js'
import type { Delivery, Durability } from '../../core/delivery.js'
import type { Sourced } from '../../pipeline/deliver.js'
import { InvalidArgumentError } from '../../core/errors.js'
import type { Counters } from '../../core/message.js'
import { guaranteeOfClasses, type Guarantee } from '../../delivery/guarantee.js'
import { classOf, type Classes } from '../../pipeline/classes.js'
import type { Accepts } from '../../pipeline/graph.js'
import { ask } from '../message/ask.js'
import { checkMessage } from '../door/check-message.js'
import { consumeAny, type AnySource } from '../sources/consume-any.js'
import type { Consumed, ConsumeOptions } from '../sources/consumption.js'
import { sum, type ShardCounters } from './counters.js'
import { DeadLetters } from '../failures/dead-letters.js'
import type { OutputsLoop } from '../outputs/outputs-loop.js'
import { withFrame } from '../message/frame.js'
import type { OneStream } from './one-stream.js'
import type { DoorCounters } from '../door/producers.js'
import type { Sender } from '../door/sender.js'
import type { MessageOptions } from '../settings/send-options.js'
import { sumStages, type StageTimes } from './stage-times.js'
import { Stream, type StreamEvents } from './stream.js'
import { checkWait, type WaitOptions } from '../../core/waiting/wait.js'

const events = [
  'dead-letter',
  'sink-failed',
  'sink-refused',
  'unavailable',
  'stalled',
  'worker-replaced',
  'late-outcome',
  'failed',
] as const satisfies readonly (keyof StreamEvents)[]

/**
 * A stream whose messages choose their delivery: one stream for each class, behind one face. They share
 * nothing but the pipeline and its sink, so that one that waits, or fails, does not hold up the others.
 */
export class ClassedStream<In, Out = unknown, A extends Acknowledge = Acknowledge> extends Stream<
  In,
  Out,
  A
> {
  readonly name: string
  readonly delivery: Delivery
  readonly durability: Durability
  readonly acknowledge: A
  readonly shards: number
  readonly workers: number
  readonly classes: readonly OneStream<In, Out, A>[]
  readonly opened: Counters
  readonly deadLetters: DeadLetters
  readonly #accepts: Accepts
  /** The number of a checked message's class. */
  readonly #classOf: (checked: unknown) => number
  /** The class whose message was refused last. */
  #refused: OneStream<In, Out, A>

  /**
   * @param accepts with the schema, which the streams of the classes leave out
   * @param streams in the order of the classes
   */
  constructor(accepts: Accepts, classes: Classes, streams: readonly OneStream<In, Out, A>[]) {
    super()
    const strictest = streams[0] as OneStream<In, Out, A>
    this.#accepts = accepts
    const isFrames = accepts.kind === 'frames'
    const classed = (message: unknown): number =>
      classOf(classes, ask(classes.of, message, 'deliver'))
    this.#classOf = isFrames ? (checked) => withFrame(checked as Uint8Array, classed) : classed
    this.#refused = strictest
    this.classes = streams
    this.name = strictest.name
    this.delivery = (streams.at(-1) as OneStream<In, Out, A>).delivery
    this.durability = strictest.durability
    this.acknowledge = strictest.acknowledge
    this.shards = total(streams, ({ shards }) => shards)
    this.workers = total(streams, ({ workers }) => workers)
    this.opened = sum(streams.map(({ opened }) => opened))
    this.deadLetters = new DeadLetters(streams.flatMap(({ deadLetters }) => deadLetters.all))
    let firstWorker = 0
    for (const stream of streams) {
      this.#forward(stream, firstWorker)
      firstWorker += stream.workers
    }
  }

  push(message: In, options?: MessageOptions): boolean {
    const checked = this.checked(message)
    const stream = this.#of(checked)
    if (stream.push(checked as In, options)) return true
    this.#refused = stream
    return false
  }

  pushFrames(): number {
    throw new InvalidArgumentError(
      'pushFrames: the pipeline chooses the delivery by a function, which is a call for each frame; use push or send',
    )
  }

  ready(options?: WaitOptions): Promise<void> {
    return this.#refused.ready(options)
  }

  async flush(options?: WaitOptions): Promise<void> {
    await this.#together(checkWait(options, 'flush'), (stream, wait) => stream.flush(wait))
  }

  get isOver(): boolean {
    return this.classes.every((stream) => stream.isOver)
  }

  get lateOutcomes(): number {
    return total(this.classes, ({ lateOutcomes }) => lateOutcomes)
  }

  async consume(source: AnySource<Sourced<In>>, options: ConsumeOptions = {}): Promise<Consumed> {
    return consumeAny(source, (event) => this.emit('source-failed', event), {
      name: this.name,
      options,
      destinations: this.classes.map(({ destination }) => destination),
      check: (message) => this.checked(message as In),
      classOf: this.#classOf,
    })
  }

  async drain(options?: WaitOptions): Promise<void> {
    await this.#together(checkWait(options, 'drain'), (stream, wait) => stream.drain(wait))
  }

  async close(options?: { timeout?: number }): Promise<void> {
    const closed = await Promise.allSettled(this.classes.map((stream) => stream.close(options)))
    for (const one of closed) if (one.status === 'rejected') throw one.reason
  }

  /** Those of all classes. */
  outputs(options?: Pick<WaitOptions, 'signal'>): OutputsLoop<Out> {
    return (this.classes[0] as OneStream<In, Out, A>).outputs(options)
  }

  guarantee(): Guarantee {
    return guaranteeOfClasses(this.classes.map((stream) => stream.guarantee()))
  }

  doorCounters(): DoorCounters {
    const all = this.classes.map((stream) => stream.doorCounters())
    return {
      duplicate: total(all, ({ duplicate }) => duplicate),
      fenced: total(all, ({ fenced }) => fenced),
      newest: total(all, ({ newest }) => newest),
      oldest: total(all, ({ oldest }) => oldest),
      conflated: total(all, ({ conflated }) => conflated),
    }
  }

  shardCounters(): ShardCounters[] {
    return this.classes.flatMap((stream) => stream.shardCounters())
  }

  stages(): StageTimes {
    return sumStages(this.classes.map((stream) => stream.stages()))
  }

  protected checked(message: In): unknown {
    return checkMessage(this.#accepts, message)
  }

  protected senderOf(checked: unknown): Sender {
    return this.#of(checked).sender
  }

  /** All classes wait; where one can't go on, the others wait no longer. */
  async #together(
    { signal, ...options }: WaitOptions,
    wait: (stream: OneStream<In, Out, A>, options: WaitOptions) => Promise<void>,
  ): Promise<void> {
    const ended = new AbortController()
    const onAbort = (): void => ended.abort(signal?.reason)
    if (signal?.aborted === true) onAbort()
    else signal?.addEventListener('abort', onAbort)
    try {
      await Promise.all(
        this.classes.map((stream) => wait(stream, { ...options, signal: ended.signal })),
      )
    } finally {
      signal?.removeEventListener('abort', onAbort)
      ended.abort()
    }
  }

  #of(checked: unknown): OneStream<In, Out, A> {
    return this.classes[this.#classOf(checked)] as OneStream<In, Out, A>
  }

  #forward(stream: OneStream<In, Out, A>, firstWorker: number): void {
    for (const name of events) {
      stream.on(name, (event: object) => {
        const told =
          'worker' in event ? { ...event, worker: firstWorker + Number(event.worker) } : event
        this.emit(name as 'dead-letter', told as never)
      })
    }
  }
}

function total<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((before, one) => before + of(one), 0)
}
