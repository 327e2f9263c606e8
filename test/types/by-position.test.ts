// Exactly once by position: what may be written with it, and that nothing can be sent.
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  collect,
  file,
  fileSource,
  iterableSource,
  memorySource,
  open,
  pipeline,
  type Definition,
  type Sink,
} from '../../src/index.js'

interface Trade {
  readonly id: number
  readonly price: number
}

const trades = pipeline('trades').accepts<Trade>()
const placed = trades.deliver('exactly-once', { by: 'position' })
const sink = file('out.ndjson')

const id = (trade: Trade): number => trade.id

describe('exactly once by position', () => {
  it('goes with keys, operators and every sink that can carry it', () => {
    const definition = placed
      .keyBy((trade) => trade.id)
      .map((trade) => trade.price)
      .to(sink)
    expectTypeOf(definition).toExtend<Definition<never, number>>()
    // @ts-expect-error a sink that can't carry it
    expect(() => placed.to({ ...sink, kind: 'repeatable' } as Sink<Trade, 'repeatable'>)).toThrow(
      'exactly-once needs one that is',
    )
  })

  it('goes with nothing else that tells copies, and with no other delivery', () => {
    // @ts-expect-error by and id
    expect(() => trades.deliver('exactly-once', { by: 'position', id, window: '1h' })).toThrow(
      "deliver.id: it means nothing with by: 'position'",
    )
    // @ts-expect-error an unknown way
    expect(() => trades.deliver('exactly-once', { by: 'time' })).toThrow(
      'deliver.by: "time" is unknown; there is \'position\'',
    )
    // @ts-expect-error another delivery
    expect(() => trades.deliver('at-least-once', { by: 'position' })).toThrow(
      'there is no option "by"',
    )
  })

  it('takes sources, and nothing that is sent', async () => {
    const definition = placed.to(sink)
    const compiled = async (): Promise<void> => {
      const stream = await open(definition, { dir: 'data', workers: 0 })
      await stream.consume(fileSource<Trade>('in.ndjson'))
      await stream.consume(memorySource([{ id: 1, price: 2 }]))
      // @ts-expect-error a source of something else
      await stream.consume(memorySource([{ id: 'x' }]))
      // @ts-expect-error nothing is sent
      await stream.send({ id: 1, price: 2 })
      // @ts-expect-error or pushed
      stream.push({ id: 1, price: 2 })
      await stream.consume(iterableSource([{ id: 1, price: 2 }]))
    }
    expectTypeOf(compiled).returns.resolves.toBeVoid()
    const outputs = await collect(definition, [{ id: 1, price: 2 }])
    expectTypeOf(outputs).toEqualTypeOf<Trade[]>()
    expect(outputs).toEqual([{ id: 1, price: 2 }])
  })
})
