import { deliveries, type Delivery } from '../core/delivery.js'
import { durationMs, type Duration } from '../core/durations.js'
import { InvalidArgumentError } from '../core/errors.js'
import type { Id } from '../core/message.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'
import type { Sink, SinkKind } from '../core/sink.js'
import { checkExtractor, type At, type Extractor } from './frames.js'
import { refusals, type Refusals, type Refused } from './refusals.js'

/**
 * By what, and for how long, copies of a message are known.
 * @typeParam M the message as it was sent
 */
export interface DedupOptions<M> {
  /**
   * What makes two messages the same message: of raw frames also `at(offset)`. Without `keyBy` it
   * decides the shard as well; with it, copies of a message must carry the same key.
   */
  id: Extractor<M, Id>
  /**
   * How long an id is known at least, since its message was stored: milliseconds or a text such as
   * `'24h'`; from `'1ms'` to `'3650d'`.
   */
  window: Duration
  /**
   * The most ids that one shard knows at a time (some 24 bytes of memory each); 1…1,073,741,824.
   * @default 16_777_216
   */
  maxIds?: number
}

/** What `deliver('exactly-once', …)` takes. */
export interface ExactlyOnceOptions<M> extends DedupOptions<M> {
  /**
   * When a shard meets `maxIds` before the window ends: `wait` takes no new messages until the oldest
   * ids have aged out; `shorten-window` forgets the oldest ids early, and reports the window that is
   * left. Either says so in an event and a counter.
   * @default 'wait'
   */
  whenFull?: 'wait' | 'shorten-window'
  /**
   * When a message was made, in milliseconds since 1970. One that is older than the window is `late`:
   * whether it is a copy can't be known any more.
   * @default none: no message is late
   */
  time?: (message: M) => number
}

/** What `deliver('at-most-once')` and `deliver('at-least-once')` take: with both, duplicates go. */
export type OptionalDedupOptions<M> =
  | DedupOptions<M>
  | { id?: undefined; window?: undefined; maxIds?: undefined }

/** The rest of `deliver`'s arguments; for a delivery that is not known yet, what fits every one. */
export type DeliverArguments<D extends Delivery, M> = [D] extends ['exactly-once']
  ? [options: ExactlyOnceOptions<M>]
  : 'exactly-once' extends D
    ? [options: DedupOptions<M>]
    : [options?: OptionalDedupOptions<M>]

/** The kinds of sinks with which each delivery can be kept. */
export interface Carriers {
  'at-most-once': SinkKind
  'at-least-once': SinkKind
  'exactly-once': 'transactional' | 'rewindable' | 'idempotent'
}

/** `unknown` where a sink of kind K can carry D, and otherwise what to write instead. */
export type Carried<D extends Delivery | undefined, K extends SinkKind> = [D] extends [Delivery]
  ? 'exactly-once' extends D
    ? [K] extends [Carriers['exactly-once']]
      ? unknown
      : Refused<Refusals['sink']>
    : unknown
  : Refused<Refusals['undelivered']>

const sinkKinds: readonly SinkKind[] = ['transactional', 'rewindable', 'idempotent', 'repeatable']

const carriers: { readonly [D in Delivery]: readonly Carriers[D][] } = {
  'at-most-once': sinkKinds,
  'at-least-once': sinkKinds,
  'exactly-once': ['transactional', 'rewindable', 'idempotent'],
}

/** What `deliver` chose, frozen. `id` and `windowMs` come together; without them, no dedup. */
export interface Deliver {
  readonly delivery: Delivery
  readonly id?: ((message: never) => Id) | At
  readonly windowMs?: number
  /** For each shard. */
  readonly maxIds: number
  readonly whenFull: 'wait' | 'shorten-window'
  readonly time?: (message: never) => number
}

export const maxIdsDefault = 16_777_216

const windowMsMax = 3650 * 86_400_000

/**
 * Checks the arguments of `deliver`.
 * @param frameSize undefined where the pipeline takes objects
 * @throws InvalidArgumentError
 */
export function checkDeliver(
  delivery: unknown,
  options: unknown,
  frameSize: number | undefined,
): Deliver {
  if (!isDelivery(delivery)) {
    throw new InvalidArgumentError(
      `deliver: ${shown(delivery)} is not a delivery; choose 'at-most-once', 'at-least-once' or 'exactly-once'`,
    )
  }
  const given = checkOptions<ExactlyOnceOptions<never>>(
    options,
    'deliver',
    delivery === 'exactly-once'
      ? ['id', 'window', 'maxIds', 'whenFull', 'time']
      : ['id', 'window', 'maxIds'],
  )
  if (given.id === undefined && given.window === undefined) {
    checkIdentified(delivery, given)
    if (given.maxIds !== undefined) {
      throw new InvalidArgumentError(
        `deliver.maxIds: ${shown(given.maxIds)} counts nothing without ids; add id and window, or leave it out`,
      )
    }
    return Object.freeze({ delivery, maxIds: maxIdsDefault, whenFull: 'wait' })
  }
  checkIdentified(delivery, given)
  const id = checkExtractor<Id>(given.id, frameSize, 'deliver.id')
  const windowMs = checkWindow(given.window as Duration)
  const maxIds = wholeNumber(given.maxIds ?? maxIdsDefault, 'deliver.maxIds', 1, 1_073_741_824)
  const whenFull = given.whenFull ?? 'wait'
  if (whenFull !== 'wait' && whenFull !== 'shorten-window') {
    throw new InvalidArgumentError(
      `deliver.whenFull: ${shown(whenFull)} is unknown; choose 'wait' or 'shorten-window'`,
    )
  }
  if (given.time === undefined) return Object.freeze({ delivery, id, windowMs, maxIds, whenFull })
  if (typeof given.time !== 'function') {
    throw new InvalidArgumentError(
      `deliver.time: ${shown(given.time)} does not tell it; give a function of the message`,
    )
  }
  const time = given.time as (message: never) => number
  return Object.freeze({ delivery, id, windowMs, maxIds, whenFull, time })
}

/**
 * Another delivery with the same id, window and bounds.
 * @throws InvalidArgumentError where the delivery needs an id and a window that are not there
 */
export function redeliver(deliver: Deliver, delivery: Delivery): Deliver {
  checkIdentified(delivery, { id: deliver.id, window: deliver.windowMs })
  return Object.freeze({ ...deliver, delivery })
}

/**
 * Checks that a sink is one, and that it can carry the delivery.
 * @throws InvalidArgumentError
 */
export function checkSink(sink: unknown, delivery: Delivery): Sink<never> {
  if (!isSink(sink)) {
    throw new InvalidArgumentError(
      `to: ${shown(sink)} is not a sink; give one such as file('out.ndjson') or forEach(handler)`,
    )
  }
  if (!(carriers[delivery] as readonly SinkKind[]).includes(sink.kind)) {
    throw new InvalidArgumentError(`to: the sink ${sink.name} is ${sink.kind}; ${refusals.sink}`)
  }
  return sink
}

export function isDelivery(value: unknown): value is Delivery {
  return (deliveries as readonly unknown[]).includes(value)
}

function checkIdentified(delivery: Delivery, given: { id?: unknown; window?: unknown }): void {
  for (const [name, other, article] of [
    ['id', 'window', 'an'],
    ['window', 'id', 'a'],
  ] as const) {
    if (given[name] !== undefined) continue
    if (delivery === 'exactly-once') {
      throw new InvalidArgumentError(
        `deliver: exactly-once needs ${article} ${name}: add deliver('exactly-once', { id, window })`,
      )
    }
    if (given[other] !== undefined) {
      throw new InvalidArgumentError(
        `deliver.${name}: it is missing, and ${other} means nothing without it; give both or neither`,
      )
    }
  }
}

function checkWindow(window: Duration): number {
  const windowMs = durationMs(window, 'deliver.window')
  if (windowMs >= 1 && windowMs <= windowMsMax) return windowMs
  throw new InvalidArgumentError(
    `deliver.window: ${shown(window)} is out of bounds; give a duration from '1ms' to '3650d'`,
  )
}

function isSink(value: unknown): value is Sink<never> {
  if (typeof value !== 'object' || value === null) return false
  const { name, kind, connect } = value as Partial<Sink<never>>
  return (
    typeof name === 'string' &&
    (sinkKinds as readonly unknown[]).includes(kind) &&
    typeof connect === 'function'
  )
}
