import type { MessageContext } from '../core/message.js'
import type { Operator } from '../core/operator.js'
import { kept } from './decoder.js'

/** Where a chain puts what comes out of it. */
export class Collector {
  values: unknown[] = []
}

/** Runs a message through the operators; a promise only where one of them gave one. */
export type Chain = (
  value: unknown,
  context: MessageContext,
  out: Collector,
) => void | Promise<void>

export interface CompiledChain {
  readonly run: Chain
  /** Whether an operator declares its second parameter, the message's context. */
  readonly usesContext: boolean
}

type Apply = (value: unknown, context: MessageContext) => unknown
type Sync = Exclude<Operator, { kind: 'batch' }>

/**
 * The operators of a pipeline as one function, from the last to the first, so that each calls the next
 * one directly. An operator may answer with a promise at any message; only that message waits.
 */
export function compile(operators: readonly Sync[]): CompiledChain {
  let next: Chain = putOut
  for (const operator of operators.toReversed()) next = step(operator, next)
  return {
    run: next,
    usesContext: operators.some((operator) => operator.apply.length > 1),
  }
}

function putOut(value: unknown, _context: MessageContext, out: Collector): void {
  out.values.push(kept(value))
}

function step(operator: Sync, next: Chain): Chain {
  const apply = operator.apply as Apply
  switch (operator.kind) {
    case 'map':
      return (value, context, out) => {
        const mapped = apply(value, context)
        return isPromise(mapped)
          ? mapped.then((result) => next(result, context, out))
          : next(mapped, context, out)
      }
    case 'filter':
      return (value, context, out) => {
        const decided = apply(value, context)
        if (isPromise(decided)) {
          return decided.then((passes) => decide(passes, value, context, out, next))
        }
        return decide(decided, value, context, out, next)
      }
    case 'tap':
      return (value, context, out) => {
        const done = apply(value, context)
        return isPromise(done)
          ? done.then(() => next(value, context, out))
          : next(value, context, out)
      }
    case 'flatMap':
      return (value, context, out) => {
        const many = apply(value, context)
        if (isAsyncIterable(many)) return eachAsync(many, context, out, next)
        if (isPromise(many))
          return many.then((list) => each(list as Iterable<unknown>, context, out, next))
        return each(many as Iterable<unknown>, context, out, next)
      }
    default:
      return operator satisfies never
  }
}

function decide(
  passes: unknown,
  value: unknown,
  context: MessageContext,
  out: Collector,
  next: Chain,
): void | Promise<void> {
  if (passes) return next(value, context, out)
}

/** One after another; from the first promise on, each waits for the one before it. */
function each(
  list: Iterable<unknown>,
  context: MessageContext,
  out: Collector,
  next: Chain,
): void | Promise<void> {
  const iterator = list[Symbol.iterator]()
  for (let item = iterator.next(); item.done !== true; item = iterator.next()) {
    const pending = next(item.value, context, out)
    if (isPromise(pending)) return rest(pending, iterator, context, out, next)
  }
}

async function rest(
  first: Promise<unknown>,
  iterator: Iterator<unknown>,
  context: MessageContext,
  out: Collector,
  next: Chain,
): Promise<void> {
  await first
  for (let item = iterator.next(); item.done !== true; item = iterator.next()) {
    await next(item.value, context, out)
  }
}

async function eachAsync(
  list: AsyncIterable<unknown>,
  context: MessageContext,
  out: Collector,
  next: Chain,
): Promise<void> {
  for await (const item of list) await next(item, context, out)
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
