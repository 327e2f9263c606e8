import { types } from 'node:util'
import {
  forEach,
  frames,
  pipeline,
  RejectedOutputs,
  type Definition,
  type MessageContext,
  type Sink,
} from 'semel'
import { messagesOf, type Case, type Message } from './case.js'
import { evaluate, frameBytes } from './evaluate.js'
import { answerOf } from './functions.js'
import type { Kept } from './kept.js'
import { numberOf } from './number-of.js'
import type { Observe, Seen } from './observations.js'

const acceptsUnknown = () => pipeline('door').accepts<unknown>()
type AcceptingUnknown = ReturnType<typeof acceptsUnknown>

/** The pipeline of a case, which tells what its functions are given. */
export function definitionOf(given: Case, observe: Observe, kept: Kept): Definition<unknown> {
  const { setting } = given
  const messages = messagesOf(given)
  const of = (wrapped: unknown): Message | undefined => {
    const n = numberOf(wrapped)
    return n === undefined ? undefined : messages.get(n)
  }
  const answered = (wrapped: unknown, what: 'id' | 'key' | 'time'): never =>
    evaluate(of(wrapped)?.[what].code ?? "'within'") as never

  const handle = (wrapped: unknown, context: MessageContext): unknown => {
    const { shard, sequence, attempt } = context
    const n = numberOf(wrapped)
    const seen: Seen = {
      ...(n === undefined ? {} : { n }),
      shard,
      sequence,
      attempt,
      text: kept.keep(wrapped),
    }
    observe({ arrived: true, ...seen })
    const message = of(wrapped)
    if (message === undefined) return seen
    if (message.failsIn === 'operator' && attempt <= message.fails) throw evaluate(message.throws)
    return answerOf(message.answers, seen)
  }
  const handleLater = async (wrapped: unknown, context: MessageContext): Promise<unknown> => {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    return handle(wrapped, context)
  }

  const { delivery, identified, keyed, timed, raw, attempts, backoff } = setting
  const time = timed ? { time: (m: unknown) => answered(m, 'time') } : {}
  const options = identified
    ? { id: (m: unknown) => answered(m, 'id'), window: '1h', ...time }
    : undefined
  const begun = pipeline('door')
  const accepting = (
    raw ? begun.accepts(frames({ size: frameBytes })) : begun.accepts<unknown>()
  ) as AcceptingUnknown
  const start = accepting
    .deliver(delivery, options as never)
    .retry({ attempts, backoff: evaluate(backoff) as never })
  const routed = keyed ? start.keyBy((m: unknown) => answered(m, 'key')) : start
  const mapped = routed.map(setting.operators === 'sync' ? handle : handleLater)
  return mapped.to(sinkOf(given, messages, observe) as never) as Definition<unknown>
}

/**
 * `own` writes a batch as a whole and can be cut back; `each` takes an output at a time, and is said to
 * be idempotent: the judge knows copies by their places.
 */
function sinkOf(
  { setting }: Case,
  messages: ReadonlyMap<number, Message>,
  observe: Observe,
): Sink<Seen, 'rewindable' | 'idempotent'> {
  // An answer that can't be is given so often only: whether it counts as an attempt is open.
  const odd = new Map<number, number>()
  const failure = ({ n = 0, attempt }: Seen): { thrown: unknown } | undefined => {
    const message = messages.get(n)
    if (message === undefined || message.failsIn !== 'sink') return undefined
    const given = odd.get(n) ?? 0
    if (attempt > message.fails || given >= message.fails) return undefined
    const thrown = evaluate(message.throws)
    if (isRejection(thrown)) odd.set(n, given + 1)
    return { thrown }
  }
  if (setting.sink === 'own') return ownSink(failure, observe)
  return forEach(
    (output: Seen) => {
      const failed = failure(output)
      if (failed !== undefined) throw failed.thrown
      observe({ effect: true, ...output })
    },
    { idempotent: true },
  )
}

function ownSink(
  failure: (output: Seen) => { thrown: unknown } | undefined,
  observe: Observe,
): Sink<Seen, 'rewindable'> {
  const places = new Map<number, number>()
  return Object.freeze({
    name: 'own',
    kind: 'rewindable' as const,
    connect: ({ shard }: { shard: number }) => ({
      rewind(place: number | undefined): void {
        if (place === undefined) return
        places.set(shard, place)
        observe({ rewound: place, shard })
      },
      place: () => places.get(shard) ?? 0,
      write(outputs: readonly Seen[]): void {
        for (const [i, output] of outputs.entries()) {
          const failed = failure(output)
          if (failed === undefined) continue
          if (isRejection(failed.thrown)) throw failed.thrown
          throw new RejectedOutputs(new Map([[i, failed.thrown as Error]]))
        }
        for (const output of outputs) observe({ effect: true, ...output })
        places.set(shard, (places.get(shard) ?? 0) + outputs.length)
      },
      close: () => {},
    }),
  })
}

/** Of anything that may be thrown, hostile proxies too. */
function isRejection(thrown: unknown): boolean {
  return !types.isProxy(thrown) && thrown instanceof RejectedOutputs
}
