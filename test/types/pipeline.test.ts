// Checked by the compiler (npm run test:types), and run as well: what does not compile must also be
// refused at run time, where the run can know.
import { describe, expect, expectTypeOf, it } from 'vitest'
import { forEachBatch } from '../../src/connectors/for-each/batch.js'
import type { Delivery } from '../../src/core/delivery.js'
import { InvalidArgumentError } from '../../src/core/errors.js'
import type { Frame } from '../../src/core/frame.js'
import type { MessageHeaders } from '../../src/core/headers.js'
import type { Sink, SinkKind } from '../../src/core/sink.js'
import type { Carried } from '../../src/pipeline/carriers.js'
import { at, frames } from '../../src/pipeline/frames.js'
import type { Definition } from '../../src/pipeline/graph.js'
import type { FailedOnce } from '../../src/reliability/retry.js'
import { pipeline, type Pipeline } from '../../src/pipeline/pipeline.js'
import type { Refused } from '../../src/pipeline/refusals.js'
import type { StandardSchema } from '../../src/core/schema.js'

interface Trade {
  id: bigint
  symbol: string
  size: number
  note?: string
}

type Out<P> = P extends Pipeline<infer _In, infer O, infer _D, infer _M, infer _S> ? O : never

function sink<T, K extends SinkKind>(kind: K): Sink<T, K> {
  return { name: kind, kind, connect: () => ({ write: () => {}, close: () => {} }) }
}

function forEach<T>(handler: (value: T) => void): Sink<T, 'repeatable'> {
  return { ...sink<T, 'repeatable'>('repeatable'), name: `forEach(${handler.name})` }
}

const trades = pipeline('trades').accepts<Trade>()
const raw = pipeline('raw').accepts(frames({ size: 64 }))
const identified = { id: (trade: Trade) => trade.id, window: '24h' }

const atMostOnce = trades.deliver('at-most-once')
const atLeastOnce = trades.deliver('at-least-once')
const exactlyOnce = trades.deliver('exactly-once', identified)

const rewindable = sink<unknown, 'rewindable'>('rewindable')
const repeatable = sink<Trade, 'repeatable'>('repeatable')

const refused = (make: () => unknown) => expect(make).toThrow(InvalidArgumentError)
const notRun = (_make: () => unknown): void => {}

type NeedsCarrier =
  Refused<'the sink is repeatable, and exactly-once needs one that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })'>
type NeedsDelivery =
  Refused<"to needs a delivery before it: add deliver('at-most-once'), deliver('at-least-once') or deliver('exactly-once', { id, window })">

describe('steps that say how messages are handled', () => {
  it('leave types as they are, and give the context a signal', () => {
    const handled = atLeastOnce
      .timeout('5s')
      .retry({
        when: (error, failed) => {
          expectTypeOf(error).toEqualTypeOf<unknown>()
          expectTypeOf(failed).toEqualTypeOf<FailedOnce>()
          return failed.attempt < 2
        },
      })
      .map((trade, { signal, headers }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        expectTypeOf(headers).toEqualTypeOf<MessageHeaders>()
        return trade.size
      })
    expectTypeOf<Out<typeof handled>>().toEqualTypeOf<number>()
    // @ts-expect-error a promise is no answer
    notRun(() => atLeastOnce.retry({ when: async () => true }))
    // @ts-expect-error a duration is a number or a text
    refused(() => atLeastOnce.timeout({}))
    // Behind keyBy-to-be, like retry and concurrency.
    atLeastOnce.timeout(100).keyBy((trade) => trade.symbol)
  })

  it('take a rate as a text that is one', () => {
    atLeastOnce
      .keyBy((trade) => trade.symbol)
      .limit('100/s', { burst: 5 })
      .limit('1/h', { by: 'key' })
    // @ts-expect-error it says no time
    refused(() => atLeastOnce.limit('100'))
    // @ts-expect-error by what else
    refused(() => atLeastOnce.limit('100/s', { by: 'id' }))
  })

  it('take a sink of arrays for the values that it is given', () => {
    atLeastOnce.to(forEachBatch((rows: readonly Trade[]) => void rows))
    // @ts-expect-error it takes numbers
    notRun(() => atLeastOnce.to(forEachBatch((rows: readonly number[]) => void rows)))
    exactlyOnce.to(forEachBatch((rows: readonly Trade[]) => void rows, { idempotent: true }))
    // @ts-expect-error it is repeatable
    refused(() => exactlyOnce.to(forEachBatch((rows: readonly Trade[]) => void rows)))
  })
})

describe('delivery × sink', () => {
  it('is accepted or refused as the table says', () => {
    type Verdicts = { [D in Delivery | 'none']: { [K in SinkKind]: Carried<Chosen<D>, K> } }
    type Chosen<D extends Delivery | 'none'> = D extends Delivery ? D : undefined
    type All<V> = { [K in SinkKind]: V }
    expectTypeOf<Verdicts>().toEqualTypeOf<{
      'at-most-once': All<unknown>
      'at-least-once': All<unknown>
      'exactly-once': {
        transactional: unknown
        rewindable: unknown
        idempotent: unknown
        repeatable: NeedsCarrier
      }
      none: All<NeedsDelivery>
    }>()
  })

  it('takes for a delivery that is not known yet what fits every one', () => {
    for (const delivery of ['at-most-once', 'exactly-once'] as Delivery[]) {
      const any = trades.deliver(delivery, identified)
      any.to(rewindable)
      // @ts-expect-error it may be exactly-once
      notRun(() => any.to(repeatable))
      // @ts-expect-error it may be exactly-once, which needs id and window
      notRun(() => trades.deliver(delivery))
    }
  })
})

describe('a sink', () => {
  it('must take what the pipeline puts out', () => {
    // @ts-expect-error a Trade is not a number
    notRun(() => atLeastOnce.to(sink<number, 'repeatable'>('repeatable')))
    // @ts-expect-error not every Trade has an exchange
    notRun(() => atLeastOnce.to(sink<Trade & { exchange: string }, 'repeatable'>('repeatable')))
    atLeastOnce.to(sink<{ size: number }, 'repeatable'>('repeatable'))
    atLeastOnce.map((trade) => trade.size).to(sink<number, 'repeatable'>('repeatable'))
  })

  it('learns its type from the pipeline', () => {
    atLeastOnce.to(forEach((trade) => expectTypeOf(trade).toEqualTypeOf<Trade>()))
    atLeastOnce
      .map((trade) => trade.symbol)
      .to(forEach((symbol) => expectTypeOf(symbol).toEqualTypeOf<string>()))
  })
})

describe('deliver', () => {
  it('takes maxIds with ids only, and whenFull with exactly-once only', () => {
    trades.deliver('at-most-once', {})
    trades.deliver('at-least-once', { id: (trade) => trade.id, window: '24h', maxIds: 10 })
    // @ts-expect-error it counts nothing
    refused(() => trades.deliver('at-most-once', { maxIds: 10 }))
    // @ts-expect-error of exactly-once only
    refused(() => trades.deliver('at-least-once', { ...identified, whenFull: 'wait' }))
  })

  it('is said once', () => {
    // @ts-expect-error it is chosen already
    refused(() => atLeastOnce.deliver('at-most-once'))
    type Again = Parameters<typeof atLeastOnce.deliver>[0]
    expectTypeOf<Again>().toEqualTypeOf<
      Refused<'the delivery is chosen already: keep one deliver'>
    >()
  })

  it('takes the three deliveries only', () => {
    // @ts-expect-error there is no such delivery
    refused(() => trades.deliver('exactly'))
  })

  it('sees the message as it was sent, wherever it stands', () => {
    trades
      .map((trade) => trade.size)
      .deliver('exactly-once', {
        id: (trade) => {
          expectTypeOf(trade).toEqualTypeOf<Trade>()
          return trade.id
        },
        time: (trade) => Number(trade.id),
        window: 1,
      })
  })

  it('takes ids that are text or numbers', () => {
    const options = { id: (trade: Trade) => trade, window: 1 }
    // @ts-expect-error an object is no id
    notRun(() => trades.deliver('exactly-once', options))
  })
})

describe('keyBy', () => {
  it('is said once, and before the operators', () => {
    const keyed = trades.keyBy((trade) => trade.symbol)
    const operated = keyed.tap(() => {})
    // @ts-expect-error it is said already
    refused(() => keyed.keyBy((trade: Trade) => trade.symbol))
    // @ts-expect-error there are operators already
    refused(() => operated.keyBy((trade: Trade) => trade.symbol))
    expectTypeOf<Parameters<typeof keyed.keyBy>[0]>().toEqualTypeOf<
      Refused<'the key is chosen already: keep one keyBy'>
    >()
    expectTypeOf<Parameters<typeof operated.keyBy>[0]>().toEqualTypeOf<
      Refused<'keyBy comes before the operators: the key is of the message as it was sent, and decides its shard'>
    >()
  })

  it('may stand before and behind deliver, retry and concurrency', () => {
    exactlyOnce.keyBy((trade) => trade.symbol).to(rewindable)
    trades
      .keyBy((trade) => trade.symbol)
      .deliver('at-most-once')
      .to(repeatable)
    trades
      .retry({ attempts: 1 })
      .concurrency(1)
      .keyBy((trade) => trade.symbol)
  })

  it('takes at(offset) of frames only', () => {
    raw.keyBy(at(8)).deliver('exactly-once', { id: at(0), window: '1h' })
    raw.keyBy((frame) => frame.u32(8))
    // @ts-expect-error a Trade has no bytes
    refused(() => trades.keyBy(at(8)))
    // @ts-expect-error a Trade has no bytes
    refused(() => trades.deliver('exactly-once', { id: at(8), window: 1 }))
  })
})

describe('the operators', () => {
  it('carry the type of the value', () => {
    const noted = trades.filter(
      (trade): trade is Trade & { note: string } => trade.note !== undefined,
    )
    expectTypeOf<Out<typeof noted>>().toEqualTypeOf<Trade & { note: string }>()
    const notes = trades.map((trade) => trade.note).filter((note) => note !== undefined)
    expectTypeOf<Out<typeof notes>>().toEqualTypeOf<string>()
    const kept = trades.filter(async (trade) => trade.size > 0).tap((trade) => trade.size)
    expectTypeOf<Out<typeof kept>>().toEqualTypeOf<Trade>()
    const sizes = trades.map(async (trade, { attempt }) => trade.size * attempt)
    expectTypeOf<Out<typeof sizes>>().toEqualTypeOf<number>()
    const halves = sizes.flatMap((size) => [`${size / 2}`, `${size / 2}`])
    expectTypeOf<Out<typeof halves>>().toEqualTypeOf<string>()
    const later = sizes.flatMap(async (size) => new Set([size]))
    expectTypeOf<Out<typeof later>>().toEqualTypeOf<number>()
    const batches = halves.batch(10, { within: '1s' })
    expectTypeOf<Out<typeof batches>>().toEqualTypeOf<readonly string[]>()
  })

  it('must fit the value before them', () => {
    // @ts-expect-error a Trade is not a number
    notRun(() => trades.map((size: number) => size))
    // @ts-expect-error a Trade is not a number
    notRun(() => trades.filter((size: number) => size > 0))
    // @ts-expect-error a number is no iterable
    notRun(() => trades.flatMap((trade) => trade.size))
    // @ts-expect-error a number is no verdict
    notRun(() => trades.filter((trade) => trade.size))
    // @ts-expect-error within is missing
    refused(() => trades.batch(10))
  })

  it('batch no frames, which are valid only during the call', () => {
    // @ts-expect-error a frame does not outlive the call
    refused(() => raw.batch(10, { within: 1 }))
    // @ts-expect-error nor behind a filter
    refused(() => raw.filter((frame) => frame.u8(0) > 0).batch(10, { within: 1 }))
    expectTypeOf<Parameters<typeof raw.batch>[0]>().toEqualTypeOf<
      Refused<'a frame is valid only during the call: put .map((frame) => frame.copy()) before batch'>
    >()
    raw.map((frame) => frame.copy()).batch(10, { within: 1 })
  })
})

describe('accepts', () => {
  it('tells what send takes and what the operators get', () => {
    expectTypeOf(trades).toEqualTypeOf<Pipeline<Trade>>()
    expectTypeOf(raw).toEqualTypeOf<Pipeline<Uint8Array, Frame, undefined, Frame>>()
    const schema: StandardSchema<string, Trade> = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [] }) },
    }
    const checked = pipeline('checked').accepts(schema).deliver('exactly-once', identified)
    expectTypeOf(checked).toEqualTypeOf<Pipeline<string, Trade, 'exactly-once', Trade>>()
    expectTypeOf(checked.to(rewindable)).toEqualTypeOf<Definition<string, Trade>>()
    // @ts-expect-error not a schema
    refused(() => pipeline('checked').accepts({}))
  })

  it('leaves any alone: it is not taken for a frame', () => {
    // oxlint-disable-next-line typescript/no-explicit-any -- that is the case
    const loose = pipeline('loose').accepts<any>()
    loose.keyBy((message) => message.key).batch(2, { within: 1 })
  })

  it('makes definitions that take what is assignable to In, and no less', () => {
    const wide = pipeline('wide').accepts<{ id: bigint }>().deliver('at-most-once').to(rewindable)
    const narrow: Definition<Trade> = wide
    // @ts-expect-error a Trade is more than an id
    const wider: Definition<{ id: bigint }> = atMostOnce.to(rewindable)
    expect([narrow.name, wider.name]).toEqual(['wide', 'trades'])
  })
})
