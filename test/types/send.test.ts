// Checked by the compiler (npm run test:types), and run as well.
import { describe, expectTypeOf, it } from 'vitest'
import type { Stronger } from '../../src/acknowledge/acknowledged.js'
import type { Batch } from '../../src/acknowledge/batched.js'
import type { BatchedEnd, Completion, Receipt } from '../../src/acknowledge/ends.js'
import type { Status } from '../../src/acknowledge/many.js'
import type { Acknowledge } from '../../src/core/acknowledge.js'
import { memory } from '../../src/connectors/memory/sink.js'
import { pipeline } from '../../src/pipeline/pipeline.js'
import { open } from '../../src/runtime/stream/open.js'
import type { Stream } from '../../src/runtime/stream/stream.js'

interface Trade {
  id: number
}

interface Bar {
  close: number
}

type Told = { processed: Completion<Bar>; stored: Receipt; batched: BatchedEnd }

const notRun = (_make: () => unknown): void => {}

const bars = pipeline('bars')
  .accepts<Trade>()
  .deliver('at-most-once')
  .map(({ id }): Bar => ({ close: id }))
  .to(memory<Bar>())

declare const processed: Stream<Trade, Bar, 'processed'>
declare const stored: Stream<Trade, Bar, 'stored'>
declare const batched: Stream<Trade, Bar, 'batched'>
declare const trade: Trade

describe('open', () => {
  it('gives a stream of the mode that was asked for, and of what the pipeline makes', () => {
    notRun(() => {
      expectTypeOf(open(bars)).resolves.toEqualTypeOf<Stream<Trade, Bar, 'stored'>>()
      expectTypeOf(open(bars, { workers: 0 })).resolves.toEqualTypeOf<
        Stream<Trade, Bar, 'stored'>
      >()
      expectTypeOf(open(bars, { acknowledge: 'processed' })).resolves.toEqualTypeOf<
        Stream<Trade, Bar, 'processed'>
      >()
      expectTypeOf(open(bars, { acknowledge: 'batched' })).resolves.toEqualTypeOf<
        Stream<Trade, Bar, 'batched'>
      >()
      const onBatch = (batch: Batch<Trade>): void => {
        expectTypeOf(batch.statuses[0]?.message).toEqualTypeOf<Trade | undefined>()
      }
      expectTypeOf(open(bars, { acknowledge: { batched: 8, onBatch } })).resolves.toEqualTypeOf<
        Stream<Trade, Bar, 'batched'>
      >()
    })
  })

  it('takes the three modes only, and batches with a size', () => {
    // @ts-expect-error there is no such mode
    notRun(() => open(bars, { acknowledge: 'soon' }))
    // @ts-expect-error a batch has a size
    notRun(() => open(bars, { acknowledge: { within: '1ms' } }))
  })
})

describe('send', () => {
  it('resolves with what the mode tells', () => {
    notRun(() => {
      expectTypeOf(processed.send(trade)).resolves.toEqualTypeOf<Told['processed']>()
      expectTypeOf(stored.send(trade)).resolves.toEqualTypeOf<Told['stored']>()
      expectTypeOf(batched.send(trade)).resolves.toEqualTypeOf<Told['batched']>()
    })
  })

  it('takes a mode that tells more, and none that tells less', () => {
    expectTypeOf<Stronger<'batched'>>().toEqualTypeOf<Acknowledge>()
    expectTypeOf<Stronger<'stored'>>().toEqualTypeOf<'stored' | 'processed'>()
    expectTypeOf<Stronger<'processed'>>().toEqualTypeOf<'processed'>()
    notRun(() => {
      expectTypeOf(stored.send(trade, { acknowledge: 'processed' })).resolves.toEqualTypeOf<
        Told['processed']
      >()
      expectTypeOf(batched.send(trade, { acknowledge: 'stored' })).resolves.toEqualTypeOf<
        Told['stored']
      >()
    })
    // @ts-expect-error it tells less than `stored`
    notRun(() => stored.send(trade, { acknowledge: 'batched' }))
    // @ts-expect-error it tells less than `processed`
    notRun(() => processed.send(trade, { acknowledge: 'stored' }))
    // @ts-expect-error it tells less than `processed`
    notRun(() => processed.sendMany([trade], { acknowledge: 'batched' }))
    // @ts-expect-error it tells less than `stored`
    notRun(() => stored.outcomes([trade], { acknowledge: 'batched' }))
  })

  it('takes what the pipeline takes', () => {
    // @ts-expect-error a text is no Trade
    notRun(() => stored.send('trade'))
    // @ts-expect-error a Trade is not several
    notRun(() => stored.sendMany(trade))
    notRun(() => stored.sendMany(new Set([trade])))
  })

  it('gives the result of what was processed, and of that alone', () => {
    notRun(async () => {
      const end = await processed.send(trade)
      if (end.outcome === 'processed') expectTypeOf(end.result).toEqualTypeOf<Bar>()
      // @ts-expect-error it may have ended otherwise
      else notRun(() => end.result)
    })
  })
})

describe('what a message carries', () => {
  it('is texts by name, and a time', () => {
    const headers = { trace: 'a' }
    notRun(() => {
      expectTypeOf(stored.send(trade, { headers, at: 5 })).resolves.toEqualTypeOf<Told['stored']>()
      expectTypeOf(
        batched.send(trade, { at: new Date(), acknowledge: 'processed' }),
      ).resolves.toEqualTypeOf<Told['processed']>()
      expectTypeOf(stored.push(trade, { headers, at: new Date() })).toEqualTypeOf<boolean>()
    })
    notRun(() => stored.sendMany([trade], { headers, at: 5 }))
    notRun(() => stored.outcomes([trade], { headers, at: 5, inFlight: 2 }))
    // @ts-expect-error a header is a text
    notRun(() => stored.send(trade, { headers: { trace: 1 } }))
    // @ts-expect-error a duration is no time
    notRun(() => stored.push(trade, { at: '1h' }))
    // @ts-expect-error nobody waits for what is pushed
    notRun(() => stored.push(trade, { timeout: 5 }))
  })
})

describe('many', () => {
  it('have a status each, whose value is what the mode tells', () => {
    notRun(() => {
      expectTypeOf(processed.sendMany([trade])).resolves.toEqualTypeOf<
        readonly Status<Told['processed']>[]
      >()
      expectTypeOf(batched.sendMany([trade], { acknowledge: 'stored' })).resolves.toEqualTypeOf<
        readonly Status<Told['stored']>[]
      >()
      expectTypeOf(stored.outcomes([trade])).toEqualTypeOf<
        AsyncGenerator<Status<Told['stored']> & { readonly message: Trade }, void, undefined>
      >()
    })
  })
})
