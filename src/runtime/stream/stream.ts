import type { Writable, WritableOptions } from 'node:stream'
import type { QueuingStrategy, WritableStream } from 'node:stream/web'
import type { Acknowledged, Stronger } from '../../acknowledge/acknowledged.js'
import type { Teller } from '../../acknowledge/awaited.js'
import type { End } from '../../acknowledge/ends.js'
import type { Status } from '../../acknowledge/many.js'
import type { Acknowledge } from '../../core/acknowledge.js'
import type { Delivery, Durability } from '../../core/delivery.js'
import type { SemelError } from '../../core/errors.js'
import type { Counters } from '../../core/message.js'
import { wholeNumber } from '../../core/options.js'
import type { AnySource } from '../sources/consume-any.js'
import type { SourceFailed } from '../sources/reconnecting.js'
import type { Guarantee } from '../../delivery/guarantee.js'
import type { Consumed, ConsumeOptions } from '../sources/consumption.js'
import { sum, type ShardCounters } from './counters.js'
import type { DeadLetters } from '../failures/dead-letters.js'
import { Emitter } from './emitter.js'
import type { DoorCounters } from '../door/producers.js'
import type { RunnerEvent } from '../workers/runner.js'
import {
  checkIterable,
  checkSend,
  type MessageOptions,
  type SendOptions,
} from '../settings/send-options.js'
import { sendMany, type Enter } from '../door/send-many.js'
import type { Sender } from '../door/sender.js'
import type { Sourced } from '../../pipeline/deliver.js'
import type { StageTimes } from './stage-times.js'
import { statusesOf } from './statuses.js'
import type { WaitOptions } from '../../core/waiting/wait.js'
import { nodeWritable, webWritable } from './writables.js'

export interface StreamEvents {
  'dead-letter': [event: Extract<RunnerEvent, { kind: 'dead-letter' }>]
  'sink-failed': [event: Extract<RunnerEvent, { kind: 'sink-failed' }>]
  /** A dead letter or a late message is where it is without a sink for it, and nowhere else. */
  'sink-refused': [event: Extract<RunnerEvent, { kind: 'sink-refused' }>]
  /** A handler has thrown `Unavailable`: its shard waits. */
  unavailable: [event: Extract<RunnerEvent, { kind: 'unavailable' }>]
  stalled: [event: Extract<RunnerEvent, { kind: 'stalled' }>]
  'worker-replaced': [event: Extract<RunnerEvent, { kind: 'worker-replaced' }>]
  /** How a message ended whose sender had stopped waiting, or was told that it is parked. */
  'late-outcome': [end: End]
  /** A connection of an acknowledged or replayable source has failed; another one follows. */
  'source-failed': [event: SourceFailed]
  failed: [error: SemelError]
}

const inFlightDefault = 1024

/** Of a pipeline whose messages choose their delivery, those of one; otherwise all. */
export type StreamClass = Pick<
  Stream<never>,
  | 'delivery'
  | 'durability'
  | 'shards'
  | 'workers'
  | 'opened'
  | 'counters'
  | 'shardCounters'
  | 'doorCounters'
  | 'stages'
  | 'guarantee'
>

/**
 * A pipeline that has been opened.
 * @typeParam In what it takes
 * @typeParam Out what its operators make of that
 * @typeParam A when its senders hear back
 */
export abstract class Stream<In, Out = unknown, A extends Acknowledge = Acknowledge>
  extends Emitter<StreamEvents>
  implements AsyncDisposable
{
  abstract readonly name: string
  /** Where messages choose theirs, that of the class that is promised least. */
  abstract readonly delivery: Delivery
  /** Of the strictest class. */
  abstract readonly durability: Durability
  abstract readonly acknowledge: A
  /** Of all classes. */
  abstract readonly shards: number
  /** Of all classes. */
  abstract readonly workers: number
  /** Where messages choose their delivery, each class; otherwise one. The strictest first. */
  abstract readonly classes: readonly StreamClass[]
  /** What stood in the directory when it was opened, before anything of it was delivered again. */
  abstract readonly opened: Counters
  /** Messages that failed for good. */
  abstract readonly deadLetters: DeadLetters

  /**
   * Takes a message, without a promise: the fast way in. It is on its way at the end of this tick.
   * Where batches are acknowledged to an `onBatch`, it has its place in one.
   * @param options what it carries besides itself
   * @returns false when there is no room; `ready()` tells when there is, and the message is yours
   * @throws SemelError where the message can't be taken at all; it leaves no trace
   * @example while (!stream.push(order)) await stream.ready()
   */
  abstract push(message: In, options?: MessageOptions): boolean

  /**
   * Takes raw frames that lie one after another; as many as there is room for.
   * @returns how many were taken, from the front
   * @example const taken = stream.pushFrames(bytes)
   */
  abstract pushFrames(bytes: Uint8Array): number

  /** Resolves when there is room: for the class of the message that was refused last. */
  abstract ready(options?: WaitOptions): Promise<void>

  /**
   * Sends one message; waits for room. What it resolves with, and when, is chosen when the stream is
   * opened; a call may ask for more. A message that failed is no rejection but an outcome.
   * @throws SemelError where the message is refused and leaves no trace: it can't be encoded, is too
   * large, has no id
   * @throws AckTimeoutError, or the signal's reason: the outcome is unknown then, and the same id may be
   * sent again
   * @example
   * const receipt = await stream.send(order)
   * const end = await stream.send(order, { acknowledge: 'processed', timeout: 2000 })
   */
  send<M extends Stronger<A> = A>(
    message: In,
    options?: SendOptions<M>,
  ): Promise<Acknowledged<Out>[M]> {
    return new Promise((resolve, reject) => {
      const { mode, patience, envelope } = checkSend(options, 'send', this.acknowledge)
      const checked = this.checked(message)
      const teller = { resolve: resolve as never, reject }
      this.senderOf(checked).send(checked, mode, patience, teller, envelope)
    })
  }

  /**
   * Sends messages in their order; waits for room. Each has a status of its own, so that one that is
   * refused or fails concerns none of the others. When the signal is given or the time over, those
   * that have not been told of are `unknown`, or `refused` where they were still waiting for room; of
   * what is no array no more is read.
   * @returns a status for each, in the order of the messages
   * @example for (const { status } of await stream.sendMany(orders)) console.log(status)
   */
  async sendMany<M extends Stronger<A> = A>(
    messages: Iterable<In> | AsyncIterable<In>,
    options?: SendOptions<M>,
  ): Promise<readonly Status<Acknowledged<Out>[M]>[]> {
    const { mode, patience, envelope } = checkSend(options, 'sendMany', this.acknowledge)
    checkIterable(messages, 'sendMany')
    const enter: Enter = (message, teller) => {
      const checked = this.checked(message)
      return this.senderOf(checked).enter(checked, mode, teller, envelope)
    }
    return (await sendMany(messages, patience, enter, () => this.isOver)) as never
  }

  /**
   * Sends messages as they come, and gives the status of each in the same order, as soon as it and
   * those before it are known. Up to `inFlight` are under way; who reads slowly slows the source down.
   * Ending the loop early, or `return` while the next one is waited for, reads no more of the messages
   * and ends at once, also where their source stands still; those that were sent stay sent.
   * @example for await (const { message, status } of stream.outcomes(orders)) console.log(message.id, status)
   */
  outcomes<M extends Stronger<A> = A>(
    messages: Iterable<In> | AsyncIterable<In>,
    options?: SendOptions<M> & { inFlight?: number },
  ): AsyncGenerator<Status<Acknowledged<Out>[M]> & { readonly message: In }, void, undefined> {
    const { inFlight = inFlightDefault, ...send } = options ?? {}
    const { mode, patience, envelope } = checkSend(send, 'outcomes', this.acknowledge)
    checkIterable(messages, 'outcomes')
    return statusesOf(
      messages,
      wholeNumber(inFlight, 'outcomes.inFlight', 1, 1_048_576),
      patience.signal,
      () => this.isOver,
      (message, told) => {
        try {
          const checked = this.checked(message)
          const teller: Teller<unknown> = {
            resolve: (value) => told({ status: 'acknowledged', value }),
            reject: (error, isUnknown) =>
              told({ status: isUnknown ? 'unknown' : 'refused', error }),
          }
          this.senderOf(checked).send(checked, mode, patience, teller, envelope)
        } catch (error) {
          told({ status: 'refused', error })
        }
      },
    ) as never
  }

  /**
   * A Node writable in object mode. A write is done when its message is taken, so that it holds back
   * where there is no room; the end when all that was written is stored. Destroyed while a message
   * waits for room, it does not send that one.
   * @example await pipeline(Readable.from(orders), stream.writable())
   */
  writable(options: Pick<WritableOptions, 'highWaterMark' | 'signal'> = {}): Writable {
    return nodeWritable(this, options)
  }

  /** The same as a web stream. */
  writableStream(strategy?: QueuingStrategy<In>): WritableStream<In> {
    return webWritable(this, strategy)
  }

  /**
   * Resolves when all that was sent or pushed before the call is stored, as durably as the level makes
   * it. What comes later is not waited for, so it ends under any load.
   * @example await stream.flush({ timeout: 5000 })
   */
  abstract flush(options?: WaitOptions): Promise<void>

  /** Outcomes that came when nobody waited any more; each is told by the event `late-outcome`. */
  abstract get lateOutcomes(): number

  /**
   * Sends all of a source, from where the directory's earlier runs have stored it.
   * @example const { rows } = await stream.consume(fileSource('orders.ndjson'))
   */
  abstract consume(source: AnySource<Sourced<In>>, options?: ConsumeOptions): Promise<Consumed>

  /**
   * Resolves when every message that was sent or pushed before the call, or stored by earlier runs, has
   * its outcome, the parked ones too, and all of that is as durable as the level makes it: at
   * `{ interval }` the next sync is made at once. What comes later is not waited for, so it ends under
   * any load. A handler that waits for it waits for itself: give a timeout there.
   * @example await stream.drain({ timeout: 60_000 })
   */
  abstract drain(options?: WaitOptions): Promise<void>

  /**
   * Takes no more messages, waits for those in flight, and closes the directory in order. Parked
   * messages stay in it. What is still in flight after `timeout` is left to the next opening (at most
   * once: dropped).
   *
   * It ends within `timeout` and a few seconds, whatever hangs: a sink that does not close and a thread
   * that does not end have one second beyond it, a sync that does not end has five. A later call
   * waits for the first one, which sets the time.
   * @param options.timeout in milliseconds; default 10,000
   * @throws SemelError `SEMEL_TIMEOUT` which names what could not be ended, after all else is closed
   * @example await stream.close({ timeout: 30_000 })
   */
  abstract close(options?: { timeout?: number }): Promise<void>

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What is guaranteed hop by hop, from the sender to the reader; `guaranteeText` makes a text of it. */
  abstract guarantee(): Guarantee

  /**
   * What was turned away since the stream was opened: messages of producers that number them, and what
   * the overflow policy has dropped.
   */
  abstract doorCounters(): DoorCounters

  /** All shards together. */
  counters(): Counters {
    return sum(this.shardCounters())
  }

  abstract shardCounters(): ShardCounters[]

  /** Where the time goes, by stage, in nanoseconds since the stream was opened: for tools. */
  abstract stages(): StageTimes

  /** Whether it takes no messages any more: it has failed, or is being closed. */
  abstract readonly isOver: boolean

  /** The message as its sender class takes it. */
  protected abstract checked(message: In): unknown

  /** Where a message goes in that `checked` has been through. */
  protected abstract senderOf(checked: unknown): Sender
}
