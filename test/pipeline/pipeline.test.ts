import { describe, expect, it } from 'vitest'
import { at, frames } from '../../src/pipeline/frames.js'
import { pipeline } from '../../src/pipeline/pipeline.js'
import { graph, identified, rawUntyped, refused, sink, trades, untyped } from './verbs.js'

describe('a step', () => {
  it('leaves the pipeline before it as it was', () => {
    const start = trades()
    const sized = start.filter((trade) => trade.size > 0)
    const careful = sized.deliver('exactly-once', identified).map((trade) => trade.size)
    const quick = sized.deliver('at-most-once')
    expect(graph(careful.to(sink('rewindable'))).operators.map(({ kind }) => kind)).toEqual([
      'filter',
      'map',
    ])
    expect(graph(quick.to(sink('repeatable'))).operators.map(({ kind }) => kind)).toEqual([
      'filter',
    ])
    expect(graph(start.deliver('at-least-once').to(sink('repeatable'))).operators).toEqual([])
  })

  it('returns a frozen value', () => {
    const start = trades()
    const steps = [
      pipeline('trades'),
      start,
      start.deliver('at-most-once'),
      start.keyBy((trade) => trade.symbol),
      start.filter(() => true),
      start.map(() => 1),
      start.flatMap(() => [1]),
      start.tap(() => {}),
      start.batch(2, { within: 1 }),
      start.retry({ attempts: 1 }),
      start.concurrency(1),
    ]
    for (const step of steps) {
      expect(Object.isFrozen(step)).toBe(true)
      expect(() => Object.assign(step, { more: 1 })).toThrow(TypeError)
    }
    expect(new Set(steps).size).toBe(steps.length)
  })

  it('lets the last retry and the last concurrency count', () => {
    const start = trades().retry({ attempts: 2 }).concurrency(2)
    const { retry, concurrency } = graph(
      start.retry({ attempts: 9 }).concurrency(3).deliver('at-least-once').to(sink('repeatable')),
    )
    expect([retry.attempts, concurrency]).toEqual([9, 3])
  })
})

describe('keyBy', () => {
  it.each<[() => unknown, string]>([
    [
      () => untyped().keyBy('symbol'),
      'keyBy: "symbol" does not tell it; give a function of the message',
    ],
    [
      () => untyped().keyBy(at(0)),
      'keyBy: at(0) is for raw frames; give a function of the message, or accepts(frames({ size }))',
    ],
    [
      () => rawUntyped().keyBy(at(57)),
      'keyBy: at(57) reads 8 bytes, past the end of a frame of 64; give an offset of at most 56',
    ],
    [
      () => rawUntyped(4).keyBy(at(0)),
      'keyBy: at(0) reads 8 bytes, past the end of a frame of 4; give a function of the frame',
    ],
    [
      () => untyped().keyBy(String).keyBy(String),
      'pipeline trades: the key is chosen already: keep one keyBy',
    ],
    [
      () => untyped().map(String).keyBy(String),
      'pipeline trades: keyBy comes before the operators: the key is of the message as it was sent, and decides its shard',
    ],
  ])('refuses %s', (make, message) => {
    expect(refused(make)).toBe(message)
  })

  it('takes the last eight bytes of a frame', () => {
    expect(refused(() => at(-1))).toBe(
      'at: -1 is out of bounds; give a whole number from 0 to 1048568',
    )
    const { keyBy } = graph(
      pipeline('raw')
        .accepts(frames({ size: 64 }))
        .keyBy(at(56))
        .deliver('at-most-once')
        .to(sink('repeatable')),
    )
    expect(keyBy).toEqual({ kind: 'at', offset: 56 })
  })
})

describe('the operators', () => {
  it.each<[() => unknown, string]>([
    [() => untyped().map(), 'map: undefined is not a function; give one of the value'],
    [() => untyped().filter(/a/), 'filter: /a/ is not a function; give one of the value'],
    [() => untyped().flatMap([1]), 'flatMap: [ 1 ] is not a function; give one of the value'],
    [() => untyped().tap('log'), 'tap: "log" is not a function; give one of the value'],
    [
      () => untyped().batch(0, { within: 1 }),
      'batch.size: 0 is out of bounds; give a whole number from 1 to 65536',
    ],
    [
      () => untyped().batch(10),
      `batch.within: undefined is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    ],
    [
      () => untyped().batch(10, { within: 0 }),
      "batch.within: 0 is out of bounds; give a duration from '1ms' to '1h'",
    ],
    [
      () => untyped().batch(10, { within: '2h' }),
      `batch.within: "2h" is out of bounds; give a duration from '1ms' to '1h'`,
    ],
    [() => untyped().batch(10, { every: 1 }), 'batch: there is no option "every"; there is within'],
    [
      () => rawUntyped().filter(Boolean).batch(10, { within: 1 }),
      'pipeline raw: a frame is valid only during the call: put .map((frame) => frame.copy()) before batch',
    ],
    [
      () => untyped().retry({ attempts: 0 }),
      'retry.attempts: 0 is out of bounds; give a whole number from 1 to 1000',
    ],
    [
      () => untyped().concurrency(1.5),
      'concurrency: 1.5 is out of bounds; give a whole number from 1 to 65536',
    ],
  ])('refuse %s', (make, message) => {
    expect(refused(make)).toBe(message)
  })

  it('batch what was read from a frame', () => {
    const { operators } = graph(
      pipeline('raw')
        .accepts(frames({ size: 64 }))
        .map((frame) => frame.copy())
        .batch(10, { within: 1 })
        .deliver('at-most-once')
        .to(sink('repeatable')),
    )
    expect(operators).toHaveLength(2)
  })
})

describe('to', () => {
  it.each<[() => unknown, string]>([
    [
      () => untyped().to(sink('repeatable')),
      "pipeline trades: to needs a delivery before it: add deliver('at-most-once'), deliver('at-least-once') or deliver('exactly-once', { id, window })",
    ],
    [
      () => untyped().deliver('exactly-once', identified).to(sink('repeatable', 'forEach(charge)')),
      'to: the sink forEach(charge) is repeatable, and exactly-once needs one that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })',
    ],
    [
      () => untyped().deliver('at-most-once').to(console.log),
      "to: the function log is not a sink; give one such as file('out.ndjson') or forEach(handler)",
    ],
    [
      () =>
        untyped()
          .deliver('at-most-once')
          .to({ name: 'x', kind: 'magic', connect() {} }),
      "to: { name: 'x', kind: 'magic', connect: [Function: connect] } is not a sink; give one such as file('out.ndjson') or forEach(handler)",
    ],
  ])('refuses %s', (make, message) => {
    expect(refused(make)).toBe(message)
  })
})

describe('pipeline and accepts', () => {
  it.each(['', 'a b', '-a', '.', '../up', 'a/b', 'ä', 'a'.repeat(65), 7, undefined])(
    'refuse the name %s',
    (name) => {
      expect(refused(() => pipeline(name as string))).toMatch(
        /^pipeline: .+ is not a name; give 1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or digit$/,
      )
    },
  )

  it('take the names that are documented', () => {
    for (const name of ['a', '7', 'Trades.v2_eu-west', 'a'.repeat(64)]) pipeline(name)
  })

  it.each<[() => unknown, string]>([
    [
      () => frames({ size: 0 }),
      'frames.size: 0 is out of bounds; give a whole number from 1 to 1048576',
    ],
    [() => frames(64 as never), 'frames: 64 is not an options object; give { size }'],
    [
      () => pipeline('x').accepts({} as never),
      'accepts: {} is not a Standard Schema v1; give one, or frames({ size }), or nothing',
    ],
  ])('refuse %s', (make, message) => {
    expect(refused(make)).toBe(message)
  })
})
