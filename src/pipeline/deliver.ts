import { deliveries, type Delivery } from '../core/delivery.js'
import { durationMs, type Duration } from '../core/durations.js'
import { InvalidArgumentError } from '../core/errors.js'
import type { Id, Produced } from '../core/message.js'
import { overflows, type Overflow } from '../core/overflow.js'
import { checkOptions, shown, wholeNumber } from '../core/options.js'
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
   * @example id: (order) => order.id
   */
  id: Extractor<M, Id>
  /**
   * How long an id is known at least, since its message was stored: milliseconds or a text such as
   * `'24h'`; from `'1ms'` to `'3650d'`.
   * @example window: '24h'
   */
  window: Duration
  /**
   * The most ids that one shard knows at a time (some 24 bytes of memory each); 1…1,073,741,824.
   * @default 16_777_216
   * @example maxIds: 100_000_000
   */
  maxIds?: number
  producer?: Refused<Refusals['produced']>
}

/**
 * How copies of a message are known where its sender numbers them itself: without a window, and
 * whatever the time between them.
 * @typeParam M the message as it was sent
 */
export interface ProducerOptions<M> {
  /**
   * The sender's name, its epoch and the message's number. A number that is not above the newest one
   * is a duplicate, in each shard by itself; an epoch below the newest one is refused
   * (`FencedError`). So a producer sends in order, its numbers never go back, not in a new epoch
   * either, and after an unknown outcome it sends again from the oldest unknown message on. Without
   * `keyBy` its name decides the shard; with it, copies of a message must carry the same key.
   * @example producer: (entry) => ({ id: entry.till, epoch: entry.epoch, sequence: entry.number })
   */
  producer: (message: M) => Produced
  id?: Refused<Refusals['produced']>
  window?: Refused<Refusals['produced']>
  maxIds?: Refused<Refusals['produced']>
}

/**
 * How copies of a message are known where all sources are replayable: by the partition and the offset
 * that each was read at. Such a stream takes messages by `consume` alone, and there is no id, no window
 * and no index.
 */
export interface PositionOptions {
  /** @example by: 'position' */
  by: 'position'
  id?: Refused<Refusals['positioned']>
  window?: Refused<Refusals['positioned']>
  producer?: Refused<Refusals['positioned']>
}

/**
 * What `send` takes where messages come from sources alone: nothing.
 * @typeParam M the message
 */
export interface Unsent<M> extends Refused<Refusals['unsent']> {
  readonly [unsent]?: M
}

declare const unsent: unique symbol

/** The message that sources have, where `send` takes In. */
export type Sourced<In> = [In] extends [Unsent<infer M>] ? M : In

/** What `deliver('exactly-once', …)` takes where senders number their messages. */
export interface ExactlyOnceProducerOptions<M> extends ProducerOptions<M> {
  whenFull?: Refused<Refusals['produced']>
  time?: Refused<Refusals['produced']>
}

/** What `deliver('exactly-once', …)` takes. */
export interface ExactlyOnceOptions<M> extends DedupOptions<M> {
  /**
   * When a shard meets `maxIds` before the window ends: `wait` takes no new messages until the oldest
   * ids have aged out; `shorten-window` forgets the oldest ids early, and reports the window that is
   * left. Either says so in an event and a counter.
   * @default 'wait'
   * @example whenFull: 'shorten-window'
   */
  whenFull?: 'wait' | 'shorten-window'
  /**
   * When a message was made, in milliseconds since 1970. One that is older than the window is `late`:
   * whether it is a copy can't be known any more.
   * @default none: no message is late
   * @example time: (order) => order.placedAtMs
   */
  time?: (message: M) => number
}

/** What `deliver('at-most-once')` and `deliver('at-least-once')` take: with them, duplicates go. */
export type OptionalDedupOptions<M> =
  | DedupOptions<M>
  | ProducerOptions<M>
  | { id?: undefined; window?: undefined; maxIds?: undefined; producer?: undefined }

/** What only `deliver('at-most-once')` takes. */
export interface OverflowOptions {
  /**
   * What becomes of a message that is pushed or sent while the ring is full: `wait`, `drop-newest`,
   * `drop-oldest` or `conflate`, which keeps the newest of each key. All that is dropped is counted, by
   * why. A source is read more slowly instead; what waits of it is dropped like any other.
   * @default 'wait'
   * @example overflow: 'conflate'
   */
  overflow?: Overflow
}

/**
 * The options of a delivery; of one that is not known yet, what fits every one. The last member fits
 * nothing: where the others don't come near either, the compiler shows its text.
 */
export type OptionsOf<D extends Delivery, M> = [D] extends ['exactly-once']
  ?
      | ExactlyOnceOptions<M>
      | ExactlyOnceProducerOptions<M>
      | (Refused<Refusals['identified']> & Partial<Pick<DedupOptions<M>, 'id' | 'window'>>)
  : 'exactly-once' extends D
    ?
        | DedupOptions<M>
        | ProducerOptions<M>
        | (Refused<Refusals['identified']> & Partial<Pick<DedupOptions<M>, 'id' | 'window'>>)
    : [D] extends ['at-most-once']
      ? OptionalDedupOptions<M> & OverflowOptions
      : OptionalDedupOptions<M>

/** Where the delivery is chosen already, why another is refused. */
export type Undelivered<D extends Delivery | undefined> = [D] extends [undefined]
  ? unknown
  : Refused<Refusals['delivered']>

/** Why `deliver` with nothing but C is refused; `unknown` where it is not. */
export type Undeliverable<C, D extends Delivery | undefined> = [D] extends [undefined]
  ? [C] extends ['at-most-once' | 'at-least-once']
    ? unknown
    : [C] extends [Delivery]
      ? Refused<Refusals['identified']>
      : [C] extends [string]
        ? Refused<`there is no such delivery: ${Refusals['delivery']}`>
        : Refused<Refusals['classed']>
  : Refused<Refusals['delivered']>

/**
 * What `deliver` chose, frozen. `id` and `windowMs` come together, `producer` alone; without any, no
 * dedup.
 */
export interface Deliver {
  readonly delivery: Delivery
  readonly id?: ((message: never) => Id) | At
  readonly windowMs?: number
  readonly producer?: (message: never) => Produced
  /** Copies are known by the offset that they were read at; nothing is sent. */
  readonly by?: 'position'
  /** For each shard. */
  readonly maxIds: number
  readonly whenFull: 'wait' | 'shorten-window'
  readonly time?: (message: never) => number
  readonly overflow: Overflow
}

/** All that there is, as JavaScript may give it. */
type Given = Omit<ExactlyOnceOptions<never>, 'producer' | 'by'> &
  Pick<ProducerOptions<never>, 'producer'> &
  Pick<PositionOptions, 'by'> &
  OverflowOptions

const optionsOf: Readonly<Record<Delivery, readonly (keyof Given)[]>> = {
  'at-most-once': ['id', 'window', 'producer', 'maxIds', 'overflow'],
  'at-least-once': ['id', 'window', 'producer', 'maxIds'],
  'exactly-once': ['id', 'window', 'producer', 'by', 'maxIds', 'whenFull', 'time'],
}

export const maxIdsDefault = 16_777_216

/** The least and the greatest value of each option that is a number or a duration in milliseconds. */
export const deliverBounds = {
  maxIds: [1, 1_073_741_824],
  window: [1, 3650 * 86_400_000],
} as const

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
      `deliver: ${shown(delivery)} is not a delivery; ${refusals.delivery}`,
    )
  }
  const given = checkOptions<Given>(options, 'deliver', optionsOf[delivery])
  const overflow = checkOverflow(given.overflow)
  if (given.by !== undefined) return checkPosition(delivery, given, overflow)
  if (given.producer !== undefined) return checkProducer(delivery, given, overflow)
  if (given.id === undefined && given.window === undefined) {
    checkIdentified(delivery, given)
    if (given.maxIds !== undefined) {
      throw new InvalidArgumentError(
        `deliver.maxIds: ${shown(given.maxIds)} counts nothing without ids; add id and window, or leave it out`,
      )
    }
    return Object.freeze({ delivery, maxIds: maxIdsDefault, whenFull: 'wait', overflow })
  }
  checkIdentified(delivery, given)
  const id = checkExtractor<Id>(given.id, frameSize, 'deliver.id')
  const windowMs = checkWindow(given.window as Duration)
  const maxIds = wholeNumber(
    given.maxIds ?? maxIdsDefault,
    'deliver.maxIds',
    ...deliverBounds.maxIds,
  )
  const whenFull = given.whenFull ?? 'wait'
  if (whenFull !== 'wait' && whenFull !== 'shorten-window') {
    throw new InvalidArgumentError(
      `deliver.whenFull: ${shown(whenFull)} is unknown; choose 'wait' or 'shorten-window'`,
    )
  }
  const checked = { delivery, id, windowMs, maxIds, whenFull, overflow } as const
  if (given.time === undefined) return Object.freeze(checked)
  if (typeof given.time !== 'function') {
    throw new InvalidArgumentError(
      `deliver.time: ${shown(given.time)} does not tell it; give a function of the message`,
    )
  }
  const time = given.time as (message: never) => number
  return Object.freeze({ ...checked, time })
}

/**
 * Another delivery with the same id, window and bounds, or the same producer.
 * @throws InvalidArgumentError where the delivery needs one of them and there is none
 */
export function redeliver(deliver: Deliver, delivery: Delivery, where: string): Deliver {
  if (delivery === 'exactly-once' && knowsNoCopies(deliver)) {
    throw new InvalidArgumentError(`${where}: ${refusals.identified}`)
  }
  // The others lose nothing: where there is no room, they wait.
  const overflow = delivery === 'at-most-once' ? deliver.overflow : 'wait'
  return Object.freeze({ ...deliver, delivery, overflow })
}

function knowsNoCopies({ id, producer, by }: Deliver): boolean {
  return id === undefined && producer === undefined && by === undefined
}

export function isDelivery(value: unknown): value is Delivery {
  return (deliveries as readonly unknown[]).includes(value)
}

function checkIdentified(delivery: Delivery, given: { id?: unknown; window?: unknown }): void {
  if (given.id === undefined && given.window === undefined) {
    if (delivery !== 'exactly-once') return
    throw new InvalidArgumentError(`deliver: ${refusals.identified}`)
  }
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

function checkPosition(
  delivery: Delivery,
  given: { readonly [N in keyof Given]?: unknown },
  overflow: Overflow,
): Deliver {
  for (const name of ['id', 'window', 'producer', 'maxIds', 'whenFull', 'time'] as const) {
    if (given[name] === undefined) continue
    throw new InvalidArgumentError(`deliver.${name}: ${refusals.positioned}`)
  }
  if (given.by !== 'position') {
    throw new InvalidArgumentError(
      `deliver.by: ${shown(given.by)} is unknown; there is 'position', for replayable sources`,
    )
  }
  return Object.freeze({
    delivery,
    by: 'position',
    maxIds: maxIdsDefault,
    whenFull: 'wait',
    overflow,
  })
}

function checkProducer(
  delivery: Delivery,
  given: { readonly [N in keyof Given]?: unknown },
  overflow: Overflow,
): Deliver {
  for (const name of ['id', 'window', 'maxIds', 'whenFull', 'time'] as const) {
    if (given[name] === undefined) continue
    throw new InvalidArgumentError(`deliver.${name}: ${refusals.produced}`)
  }
  if (typeof given.producer !== 'function') {
    throw new InvalidArgumentError(
      `deliver.producer: ${shown(given.producer)} does not tell it; give a function of the message that returns { id, epoch, sequence }`,
    )
  }
  const producer = given.producer as (message: never) => Produced
  return Object.freeze({
    delivery,
    producer,
    maxIds: maxIdsDefault,
    whenFull: 'wait',
    overflow,
  })
}

function checkOverflow(overflow: unknown = 'wait'): Overflow {
  if (overflows.includes(overflow as Overflow)) return overflow as Overflow
  throw new InvalidArgumentError(
    `deliver.overflow: ${shown(overflow)} is unknown; choose 'wait', 'drop-newest', 'drop-oldest' or 'conflate'`,
  )
}

function checkWindow(window: Duration): number {
  const windowMs = durationMs(window, 'deliver.window')
  const [min, max] = deliverBounds.window
  if (windowMs >= min && windowMs <= max) return windowMs
  throw new InvalidArgumentError(
    `deliver.window: ${shown(window)} is out of bounds; give a duration from '1ms' to '3650d'`,
  )
}
