import type { Delivery } from '../core/delivery.js'
import type { MessageContext } from '../core/message.js'
import type { Sink, SinkKind } from '../core/sink.js'
import type { Carried } from './carriers.js'
import type { Refusals, Refused } from './refusals.js'

declare const ends: unique symbol

/**
 * A branch with its end.
 * @typeParam Out what goes to its sinks
 * @typeParam K the kinds of these
 */
export interface Branched<Out, K extends SinkKind = SinkKind> {
  /** Only a type. */
  readonly [ends]: { readonly out: Out; readonly kind: K }
}

/**
 * A branch of a pipeline that is being written down: the operators that take one value at a time, and `to`.
 * Each step returns a new frozen value.
 * @typeParam Out what the next operator, or the sink, gets
 * @typeParam D the pipeline's delivery
 */
export interface Branch<Out, D extends Delivery | undefined> {
  /** As a pipeline's. */
  filter<R extends Out>(guard: (value: Out, context: MessageContext) => value is R): Branch<R, D>
  /** As a pipeline's. */
  filter(
    predicate: (value: Out, context: MessageContext) => boolean | Promise<boolean>,
  ): Branch<Out, D>
  /** As a pipeline's. */
  map<R>(apply: (value: Out, context: MessageContext) => R): Branch<Awaited<R>, D>
  /** As a pipeline's. */
  flatMap<R>(
    apply: (
      value: Out,
      context: MessageContext,
    ) => Iterable<R> | AsyncIterable<R> | Promise<Iterable<R> | AsyncIterable<R>>,
  ): Branch<Awaited<R>, D>
  /** As a pipeline's. */
  tap(apply: (value: Out, context: MessageContext) => unknown): Branch<Out, D>
  /** Ends the branch: its values go to this sink, or a copy to each of these. */
  to<K extends SinkKind, L extends SinkKind = never>(
    sink: Sink<Out, K> & Carried<D, K>,
    ...more: readonly (Sink<Out, L> & Beside<D, K, L>)[]
  ): Branched<Out, NoInfer<K | L>>
}

/** `unknown` where a sink of kind L can be beside one of kind K, and otherwise what to write instead. */
export type Beside<
  D extends Delivery | undefined,
  K extends SinkKind,
  L extends SinkKind,
> = Carried<D, L> &
  (IsDecided<D> extends true
    ? 'transactional' extends K & L
      ? Refused<Refusals['transactionals']>
      : unknown
    : unknown)

type IsDecided<D> = 'exactly-once' extends D ? true : false

/** What `branch` takes: by name, what makes a branch. */
export type Branches<Out, D extends Delivery | undefined> = {
  readonly [name: string]: (branch: Branch<Out, D>) => Branched<unknown>
}

/** What the branches make, all together. */
export type OutputsOf<B> = {
  [N in keyof B]: B[N] extends (branch: never) => Branched<infer Out> ? Out : never
}[keyof B]

/** `unknown`, or what to write instead of these branches. */
export type BranchesTogether<D extends Delivery | undefined, B> =
  IsDecided<D> extends true
    ? IsUnion<TransactionalIn<B>> extends true
      ? Refused<Refusals['transactionals']>
      : unknown
    : unknown

/** The names of branches that have a transactional sink. */
type TransactionalIn<B> = {
  [N in keyof B]: B[N] extends (branch: never) => Branched<unknown, infer K>
    ? 'transactional' extends K
      ? N
      : never
    : never
}[keyof B]

type IsUnion<T, All = T> = [T] extends [never]
  ? false
  : T extends unknown
    ? [All] extends [T]
      ? false
      : true
    : never
