import { types } from 'node:util'
import type { MessageContext } from '../../core/message.js'
import type { Operator } from '../../core/operator.js'
import { shown } from '../../core/options.js'
import { adopted, unheeded } from '../../core/thenable.js'
import { usesContext } from './context-use.js'
import { kept } from '../message/decoder.js'
import { closing, closingSoon } from './iterators.js'
import { bitsOf, Routed } from './routed.js'

/** Where a chain puts what comes out of it. */
export class Collector {
  values: unknown[] = []
  /** The time of what it collects for is over: nothing goes on. */
  isOver = false
}

/** Runs a message through the operators; a promise only where one of them gave one. */
export type Chain = (
  value: unknown,
  context: MessageContext,
  out: Collector,
) => void | Promise<void>

export interface CompiledChain {
  readonly run: Chain
  /** Whether an operator may look at its second parameter, the message's context. */
  readonly usesContext: boolean
}

type Apply = (value: unknown, context: MessageContext) => unknown
type Sync = Exclude<Operator, { kind: 'batch' }>
type Branching = Extract<Operator, { kind: 'branch' }>

/**
 * The operators of a pipeline as one function, from the last to the first, so that each calls the next
 * one directly. An operator may answer with a promise at any message; only that message waits.
 * @param end where values go behind the last one
 */
export function compile(operators: readonly Sync[], end: Chain): CompiledChain {
  let next = end
  for (const operator of operators.toReversed()) next = step(operator, next)
  return { run: next, usesContext: looksAtContext(operators) }
}

/** The end of a chain. */
export function putOut(value: unknown, _context: MessageContext, out: Collector): void {
  out.values.push(kept(value))
}

/** The end of a chain where there are several sinks: these get it. */
export function putOutTo(sinks: readonly number[]): Chain {
  const to = bitsOf(sinks)
  return (value, _context, out) => {
    out.values.push(new Routed(kept(value), to))
  }
}

function looksAtContext(operators: readonly Sync[]): boolean {
  return operators.some((operator) =>
    operator.kind === 'branch'
      ? operator.branches.some((branch) => looksAtContext(branch.operators))
      : usesContext(operator.apply),
  )
}

/** Through each branch in turn; a promise of one holds up those behind it. */
function through({ branches }: Branching): Chain {
  const chains = branches.map(({ operators, to }) => compile(operators, putOutTo(to)).run)
  return (value, context, out) => {
    for (let at = 0; at < chains.length; at++) {
      const pending = (chains[at] as Chain)(value, context, out)
      if (isPromise(pending)) return restOf(chains, at + 1, pending, value, context, out)
    }
  }
}

async function restOf(
  chains: readonly Chain[],
  from: number,
  first: Promise<void>,
  value: unknown,
  context: MessageContext,
  out: Collector,
): Promise<void> {
  await first
  for (let at = from; at < chains.length; at++) {
    endWhereOver(out)
    await (chains[at] as Chain)(value, context, out)
  }
}

function step(operator: Sync, next: Chain): Chain {
  if (operator.kind === 'branch') return through(operator)
  const apply = operator.apply as Apply
  switch (operator.kind) {
    case 'map':
      return (value, context, out) => {
        const mapped = apply(value, context)
        const pending = adopted(mapped)
        return pending === undefined
          ? next(mapped, context, out)
          : pending.then((result) => goOn(result, context, out, next))
      }
    case 'filter':
      return (value, context, out) => {
        const decided = apply(value, context)
        const pending = adopted(decided)
        return pending === undefined
          ? decide(decided, value, context, out, next)
          : pending.then((passes) => decide(passes, value, context, out, next, true))
      }
    case 'tap':
      return (value, context, out) => {
        const pending = adopted(apply(value, context))
        return pending === undefined
          ? next(value, context, out)
          : pending.then(() => goOn(value, context, out, next))
      }
    case 'flatMap':
      return (value, context, out) => {
        const many = apply(value, context)
        const pending = adopted(many)
        return pending === undefined
          ? spread(many, context, out, next)
          : pending.then((list) => {
              endWhereOver(out)
              return spread(list, context, out, next)
            })
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
  isLater = false,
): void | Promise<void> {
  if (!passes) return
  return isLater ? goOn(value, context, out, next) : next(value, context, out)
}

/** What was promised goes on, unless the attempt's time is over. */
function goOn(
  value: unknown,
  context: MessageContext,
  out: Collector,
  next: Chain,
): void | Promise<void> {
  endWhereOver(out)
  return next(value, context, out)
}

/** @throws Error where the attempt's time is over: it has failed already, and this is nobody's */
function endWhereOver({ isOver }: Collector): void {
  if (isOver) throw new Error('the time of the attempt is over')
}

/** @throws TypeError for what holds no values; a text would fall apart into its characters */
function spread(
  many: unknown,
  context: MessageContext,
  out: Collector,
  next: Chain,
): void | Promise<void> {
  if (many !== null && many !== undefined && typeof many !== 'string') {
    const from = many as Partial<Iterable<unknown> & AsyncIterable<unknown>>
    const { [Symbol.asyncIterator]: eachLater, [Symbol.iterator]: eachNow } = from
    if (typeof eachLater === 'function') {
      return eachAsync(eachLater.call(from), context, out, next)
    }
    if (typeof eachNow === 'function') return each(many, eachNow.call(from), context, out, next)
  }
  throw new TypeError(
    `flatMap answered ${shown(many)}, which holds no values; answer an array or another iterable, an empty one for none`,
  )
}

/** One after another; from the first promise on, each waits for the one before it. */
function each(
  many: unknown,
  iterator: Iterator<unknown>,
  context: MessageContext,
  out: Collector,
  next: Chain,
): void | Promise<void> {
  for (let item = nextOf(iterator); item.done !== true; item = nextOf(iterator)) {
    let pending: void | Promise<void>
    try {
      pending = enter(item.value, context, out, next)
    } catch (thrown) {
      unheededAll(many)
      closing(iterator)
      throw thrown
    }
    if (!isPromise(pending)) continue
    unheededAll(many)
    return rest(pending, iterator, context, out, next)
  }
}

/** @throws TypeError for what is no result, as `for … of` does: it would go on for ever */
function nextOf(iterator: Iterator<unknown>): IteratorResult<unknown> {
  return resultOf(iterator.next())
}

function resultOf(answer: unknown): IteratorResult<unknown> {
  if ((typeof answer === 'object' || typeof answer === 'function') && answer !== null) {
    return answer as IteratorResult<unknown>
  }
  throw new TypeError(
    `flatMap answered an iterator whose next() answered ${shown(answer)}; answer { value, done }`,
  )
}

/**
 * Promised values that nobody listens to while one before them is waited for: what one of them says is
 * heard in its turn, or not at all where one before it fails.
 */
function unheededAll(many: unknown): void {
  if (Array.isArray(many)) for (const value of many as unknown[]) unheeded(value)
  else if (types.isSet(many)) Set.prototype.forEach.call(many, unheeded)
}

async function rest(
  first: Promise<void>,
  iterator: Iterator<unknown>,
  context: MessageContext,
  out: Collector,
  next: Chain,
): Promise<void> {
  for (let pending = first; ;) {
    try {
      await pending
      endWhereOver(out)
    } catch (thrown) {
      closing(iterator)
      throw thrown
    }
    const item = nextOf(iterator)
    if (item.done === true) return
    pending = enterLater(item.value, context, out, next)
  }
}

async function eachAsync(
  iterator: AsyncIterator<unknown>,
  context: MessageContext,
  out: Collector,
  next: Chain,
): Promise<void> {
  for (;;) {
    const item = resultOf(await iterator.next())
    if (item.done === true) return
    try {
      endWhereOver(out)
      await enter(item.value, context, out, next)
    } catch (thrown) {
      await closingSoon(iterator)
      throw thrown
    }
  }
}

/** One of many values, which may be promised like the answer of a `map`. */
function enter(
  value: unknown,
  context: MessageContext,
  out: Collector,
  next: Chain,
): void | Promise<void> {
  const pending = adopted(value)
  return pending === undefined
    ? next(value, context, out)
    : pending.then((result) => goOn(result, context, out, next))
}

/** The same, but what it throws comes with its promise. */
async function enterLater(
  value: unknown,
  context: MessageContext,
  out: Collector,
  next: Chain,
): Promise<void> {
  return enter(value, context, out, next)
}

/** Whether a chain, or what runs one, has still something to wait for. */
export function isPromise(pending: void | Promise<void>): pending is Promise<void> {
  return pending instanceof Promise
}
