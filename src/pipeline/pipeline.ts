import type { Delivery } from '../core/delivery.js'
import type { Duration } from '../core/durations.js'
import type { Frame } from '../core/frame.js'
import type { Key, MessageContext } from '../core/message.js'
import type { ReadKind, Sink, SinkKind } from '../core/sink.js'
import type { LimitOptions, Rate } from '../reliability/limit.js'
import type { RetryOptions } from '../reliability/retry.js'
import type { DeadLetterRecord } from '../reliability/dead-letter-record.js'
import type { Beside, Branches, BranchesTogether, OutputsOf } from './branch.js'
import { Builder, checkName } from './builder.js'
import type { Carried } from './carriers.js'
import type { Chosen, DeliverOptions } from './classes.js'
import type { PositionOptions, Undeliverable, Undelivered, Unsent } from './deliver.js'
import type { Extractor, FrameFormat, IsFrame } from './frames.js'
import { unfinishedKey, type AnyDefinition, type Definition } from './graph.js'
import type { Home } from './home.js'
import type { Refusals, Refused } from './refusals.js'
import type { Resource } from './resource.js'
import type { InputOf, OutputOf, StandardSchema } from '../core/schema.js'
import { withHome } from './with-home.js'

/** By which a pipeline's outputs are read, where its sink hands them to whoever opens it. */
export type ReadingOf<K> = [K] extends [ReadKind] ? 'outputs' : unknown

/** How far a pipeline is: `keyBy` is said at most once, and before the operators. */
export type Stage = 'open' | 'keyed' | 'operated'

/** A pipeline with a name only: `accepts` says what it takes. */
export interface NamedPipeline {
  /**
   * Messages of a type that the compiler alone checks.
   * @example .accepts<{ id: number; customer: string; cents: number }>()
   */
  accepts<T>(): Pipeline<T>
  /**
   * Raw frames of a fixed size: `send` takes their bytes, operators a `Frame`.
   * @throws InvalidArgumentError
   * @example .accepts(frames({ size: 64 }))
   */
  accepts(format: FrameFormat): Pipeline<Uint8Array, Frame, undefined, Frame>
  /**
   * Messages that a Standard Schema v1 (zod, valibot, ArkType …) checks at the door, and may change.
   * It must answer synchronously: one that answers with a promise is an error at the first message.
   * @throws InvalidArgumentError for what is no such schema
   * @example .accepts(z.object({ id: z.number(), cents: z.number() }))
   */
  accepts<S extends StandardSchema>(
    schema: S,
  ): Pipeline<InputOf<S>, OutputOf<S>, undefined, OutputOf<S>>
}

/** A pipeline with a home, at its beginning. */
export interface Start extends NamedPipeline {
  /**
   * Something that handlers share, such as a pool of connections or a client: opened in each worker
   * before its first message, and closed behind its last.
   * @param open makes it, or promises it; where that fails, the opening of the stream does
   * @param close ends it
   * @example
   * const pool = p.resource(() => new Pool(config.pg), (pool) => pool.end())
   * return p.accepts<Order>().deliver('at-least-once').to(forEach((order) => pool.value.query(order.sql)))
   * @throws InvalidArgumentError
   */
  resource<T>(open: () => T | Promise<T>, close?: (value: T) => unknown): Resource<T>
}

/**
 * A pipeline that is being written down. Each step returns a new frozen value and leaves this one as
 * it was, so that a beginning can be shared. `to` ends it.
 *
 * Functions may return promises: up to `concurrency` messages of a shard are then in flight at once,
 * those of one key one after the other. A function that throws or rejects fails its message, which
 * is retried as `retry` says; `Fatal` ends its retries, and `Unavailable` is no failure of the message.
 *
 * @typeParam In what `send` takes
 * @typeParam Out what the next operator, or the sink, gets
 * @typeParam D the delivery; undefined until it is chosen
 * @typeParam M the message as it was sent and checked: what `id`, `keyBy` and the first operator get
 * @typeParam S whether `keyBy` may come
 */
export interface Pipeline<
  In,
  Out = In,
  D extends Delivery | undefined = undefined,
  M = In,
  S extends Stage = 'open',
> {
  readonly [unfinishedKey]: string

  /**
   * Chooses what a crash may do to a message: `at-most-once` repeats none, `at-least-once` loses
   * none, `exactly-once` both, and takes `{ id, window }` or `{ producer }`, and a sink that can carry
   * it. Said once, anywhere before `to`.
   *
   * A function lets each message choose: critical ones exactly-once, say, and others at-most-once.
   * Each delivery that it may answer is a class of messages, with its options here, and with shards and
   * counters of its own; the order of a key holds within a class. The sink must carry the strictest.
   * @throws InvalidArgumentError where an option is missing, unknown or out of its bounds
   * @example
   * .deliver('exactly-once', { id: (order) => order.id, window: '24h' })
   * .deliver((move) => (move.kind === 'order' ? 'exactly-once' : 'at-most-once'), {
   *   'exactly-once': { id: (move) => move.id, window: '24h' },
   *   'at-most-once': { overflow: 'drop-oldest' },
   * })
   */
  deliver<const C extends Delivery, const One = unknown>(
    delivery: (One & Undelivered<D>) | ((message: M) => C),
    options: DeliverOptions<One, C, M> & Undelivered<D>,
  ): Pipeline<In, Out, Chosen<One, C>, M, S>
  /**
   * Exactly once from replayable sources alone, whose offsets tell copies: nothing can be sent.
   * @example .deliver('exactly-once', { by: 'position' })
   */
  deliver(
    delivery: 'exactly-once' & Undelivered<D>,
    options: PositionOptions & Undelivered<D>,
  ): Pipeline<Unsent<In>, Out, 'exactly-once', M, S>
  /**
   * Without options, or what the compiler says where they are missing.
   * @example .deliver('at-least-once')
   */
  deliver<const C>(delivery: C & Undeliverable<C, D>): Pipeline<In, Out, Chosen<C>, M, S>

  /**
   * What must stay in order; it decides the shard. Of raw frames also `at(offset)`. Without it, the
   * id or the producer decides, and without either messages go round the shards.
   * @throws InvalidArgumentError behind an operator, or the second time
   * @example .keyBy((order) => order.customer)
   */
  keyBy(
    key: S extends 'open'
      ? Extractor<M, Key>
      : Refused<Refusals[S extends 'keyed' ? 'keyed' : 'operated']>,
  ): Pipeline<In, Out, D, M, 'keyed'>

  /**
   * Keeps the values for which the guard holds. A message that nothing is left of is `filtered`.
   * @example .filter((event): event is Sale => event.kind === 'sale')
   */
  filter<R extends Out>(
    guard: (value: Out, context: MessageContext) => value is R,
  ): Pipeline<In, R, D, M, 'operated'>
  /**
   * Keeps the values for which the predicate holds. A message that nothing is left of is `filtered`.
   * @example .filter((order) => order.cents > 0)
   */
  filter(
    predicate: (value: Out, context: MessageContext) => boolean | Promise<boolean>,
  ): Pipeline<In, Out, D, M, 'operated'>

  /**
   * One value for each.
   * @example .map(async (order, { id }) => ({ ...order, paid: await charge(order, id) }))
   */
  map<R>(
    apply: (value: Out, context: MessageContext) => R,
  ): Pipeline<In, Awaited<R>, D, M, 'operated'>

  /**
   * Any number of values for each, in their order; with none, the message is `filtered`. The iterable
   * is read to its end, or closed where one of its values fails. Values may be promised, one after the
   * other. A text is no list of values: answering one fails the message.
   * @example .flatMap((order) => order.items)
   */
  flatMap<R>(
    apply: (
      value: Out,
      context: MessageContext,
    ) => Iterable<R> | AsyncIterable<R> | Promise<Iterable<R> | AsyncIterable<R>>,
  ): Pipeline<In, Awaited<R>, D, M, 'operated'>

  /**
   * Looks at each value and passes it on; what it returns is awaited and forgotten.
   * @example .tap((order, { attempt }) => console.log(order.id, attempt))
   */
  tap(apply: (value: Out, context: MessageContext) => unknown): Pipeline<In, Out, D, M, 'operated'>

  /**
   * Puts values together. A batch goes on when it is full, and otherwise `within` after its first
   * value; its messages are acknowledged together.
   * @param size values, 1…65,536
   * @param options `within`: from `'1ms'` to `'1h'`
   * @throws InvalidArgumentError where either is out of its bounds
   * @example .batch(500, { within: '1s' })
   */
  batch(
    size: IsFrame<Out> extends true ? Refused<Refusals['framesBatched']> : number,
    options: { within: Duration },
  ): Pipeline<In, readonly Out[], D, M, 'operated'>

  /**
   * When a message that failed is tried again, before it is a dead letter. At-most-once never tries
   * again. The last `retry` counts.
   * @default attempts 3, backoff exponential('100ms', { max: '10s', jitter: 'full' })
   * @throws InvalidArgumentError where an option is unknown or out of its bounds
   * @example .retry({ attempts: 5, backoff: exponential('50ms', { max: '30s' }) })
   */
  retry(options: RetryOptions): Pipeline<In, Out, D, M, S>

  /**
   * How many messages of a shard may wait in asynchronous operators at once; 1…65,536. The last
   * `concurrency` counts.
   * @default 64
   * @throws InvalidArgumentError where it is out of its bounds
   * @example .concurrency(256)
   */
  concurrency(inFlight: number): Pipeline<In, Out, D, M, S>

  /**
   * How long an attempt may take, from `'1ms'` to `'24h'`: one whose promise takes longer fails with
   * `SEMEL_TIMEOUT`, and its context's `signal` is given. It is tried again as `retry` says; at most
   * once it is dropped. What it answers later is ignored, and none of its further operators runs; what
   * the handler itself still does goes on beside the next attempt, unless it heeds the signal. Behind
   * `batch` each batch has the same time; the wait for a batch to fill does not count.
   *
   * A function that answers without a promise can't be interrupted; a worker that hangs in one is
   * replaced by `heartbeat`. The last `timeout` counts.
   * @default none
   * @throws InvalidArgumentError where it is out of its bounds
   * @example
   * ```ts
   * .timeout('5s')
   * .map(async (order, { signal }) => (await fetch(url(order), { signal })).json())
   * ```
   */
  timeout(time: Duration): Pipeline<In, Out, D, M, S>

  /**
   * How many attempts may begin in a time, retries included: `'100/s'` for the whole stream, over all of
   * its shards and workers (where messages choose their delivery, for each class); with
   * `{ by: 'key' }` for each key. Both may be said, and of each the last one counts. They are evenly
   * spaced; `burst` lets so many go at once after a rest.
   *
   * What has to wait fails of nothing and keeps its place among those of its key. By key it is parked
   * until its turn, so that other keys go on, and at-most-once, which parks nothing, refuses that.
   * @param rate a whole number in an `ms`, `s`, `m`, `h` or `d`; at most a million in a second
   * @default none
   * @throws InvalidArgumentError for any other rate, an option out of its bounds, or by key without keys
   * @example
   * ```ts
   * .keyBy((order) => order.customer)
   * .limit('100/s', { burst: 20 })
   * .limit('5/s', { by: 'key' })
   * ```
   */
  limit(rate: Rate, options?: LimitOptions): Pipeline<In, Out, D, M, S>

  /**
   * A sink for messages that fail for good: each is written as it becomes a dead letter, in one commit with
   * that. The directory keeps it all the same, to be retried. One that the sink refuses is in the directory
   * alone (event `sink-refused`). At most once keeps none.
   * @throws InvalidArgumentError the second time, or for what is no sink
   * @example .deadLetters(file('dead.ndjson'))
   */
  deadLetters<K extends SinkKind>(
    sink: Sink<DeadLetterRecord<Sent<M>>, K> & Carried<D, K>,
  ): Pipeline<In, Out, D, M, S>

  /**
   * A sink for messages that are late: each is written as it was sent, in one commit with its outcome.
   * @throws InvalidArgumentError the second time, or for what is no sink
   * @example .late(file('late.ndjson'))
   */
  late<K extends SinkKind>(sink: Sink<Sent<M>, K> & Carried<D, K>): Pipeline<In, Out, D, M, S>

  /**
   * Ends the pipeline. The sink's kind must carry the delivery: exactly-once takes a transactional,
   * rewindable or idempotent one, the others any.
   *
   * Of several sinks each gets a copy. One commit covers all: after a crash each of them has what was
   * committed; until then a reader of one may be ahead of a reader of another. Exactly-once takes one
   * transactional sink at most, which then decides.
   * @throws InvalidArgumentError where there is no delivery, or the sinks can't carry it
   * @example .to(file('totals.ndjson'))
   */
  to<K extends SinkKind, L extends SinkKind = never>(
    sink: Sink<Out, K> & Carried<D, K>,
    ...more: readonly (Sink<Out, L> & Beside<D, K, L>)[]
  ): Definition<In, Out, undefined, ReadingOf<K>>

  /**
   * Ends the pipeline with branches, each with operators and sinks of its own. Every value goes through all
   * of them, in their order; all see the same value, so they leave it as it is. A message ends when all have
   * had its values, fails where one of them fails, and is `filtered` where nothing is left of it in any.
   * A branch's name names its sink in the directory: a branch with a new name begins anew.
   * @throws InvalidArgumentError where a branch has no end, or the sinks can't carry the delivery
   * @example
   * ```ts
   * .branch({
   *   large: (b) => b.filter((order) => order.cents > 100_000).to(file('large.ndjson')),
   *   all: (b) => b.map(toRow).to(sqlite('orders.db', { table: 'orders' })),
   * })
   * ```
   */
  branch<B extends Branches<Out, D>>(
    branches: B & BranchesTogether<D, B>,
  ): Definition<In, OutputsOf<B>>
}

/** A message as sinks get it: of a raw frame the bytes. */
export type Sent<M> = IsFrame<M> extends true ? Uint8Array : M

/**
 * Begins a pipeline: a definition, not running code; `open` runs it.
 * @param name 1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or digit; it
 * names the stream in its directory, in reports and in errors
 * @example
 * pipeline('orders').accepts<Order>().deliver('at-least-once').to(file('out.ndjson'))
 * @throws InvalidArgumentError for any other name
 * @example
 * const orders = pipeline('orders')
 *   .accepts<Order>()
 *   .deliver('exactly-once', { id: (order) => order.id, window: '24h' })
 *   .map((order) => ({ ...order, total: order.pieces * order.price }))
 *   .to(file('totals.ndjson'))
 */
export function pipeline(name: string): NamedPipeline
/**
 * A pipeline with a home: the module that it lives in, and its name, by which workers find it again.
 * `open` takes the definition itself; types of messages and results follow from it. It is defined at the
 * top level of its module, once for each name there. What its function is told as second parameter is
 * its configuration: plain data that `open` is given as `config`, and every worker a copy of.
 * @param home `import.meta`, CommonJS's `module`, or the module's URL
 * @param build makes the pipeline, in each thread anew; no async function
 * @example
 * const orders = pipeline(import.meta, 'orders', (p, config) =>
 *   p.accepts<Order>().deliver('at-least-once').to(file(config.out)),
 * )
 * const stream = await open(orders, { dir: './data', workers: 2, config: { out: 'out.ndjson' } })
 * @throws InvalidArgumentError
 */
export function pipeline<In, Out, Config = unknown, R = unknown>(
  home: Home,
  name: string,
  build: (start: Start, config: Config) => Definition<In, Out, undefined, R>,
): Definition<In, Out, unknown extends Config ? undefined : Config, R>
export function pipeline(
  home: unknown,
  ...rest: [] | [name: unknown, build: unknown]
): NamedPipeline | AnyDefinition {
  if (rest.length > 0) return withHome(home, rest[0], rest[1])
  const checked = checkName(home)
  return Object.freeze({
    [unfinishedKey]: checked,
    accepts: (format?: unknown) => Builder.start(checked, format) as never,
  })
}
