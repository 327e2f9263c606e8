import { describe, expect, it } from 'vitest'
import { at, frames } from '../../src/pipeline/frames.js'
import { graphOf, isDefinition, requireGraph, withDelivery } from '../../src/pipeline/graph.js'
import { pipeline } from '../../src/pipeline/pipeline.js'
import { exponential } from '../../src/reliability/backoff.js'
import { graph, identified, refused, sink, trades, type Trade } from './verbs.js'

const key = (trade: Trade) => trade.symbol
const positive = (trade: Trade) => trade.size > 0
const double = (trade: Trade) => trade.size * 2
const twice = (size: number) => [size, size]
const look = () => {}
const time = () => 0

describe('a definition', () => {
  it('holds all that was said, in order', () => {
    const bars = sink('rewindable', 'file(bars.ndjson)')
    const definition = trades()
      .deliver('exactly-once', { ...identified, maxIds: 1000, whenFull: 'shorten-window', time })
      .keyBy(key)
      .filter(positive)
      .map(double)
      .flatMap(twice)
      .tap(look)
      .batch(100, { within: '5ms' })
      .retry({ attempts: 5, backoff: exponential('50ms', { max: '30s', jitter: 'full' }) })
      .concurrency(8)
      .to(bars)

    expect(definition.name).toBe('trades')
    const { retry, ...rest } = graph(definition)
    expect(rest).toEqual({
      name: 'trades',
      accepts: { kind: 'object' },
      deliver: {
        delivery: 'exactly-once',
        id: identified.id,
        windowMs: 86_400_000,
        maxIds: 1000,
        whenFull: 'shorten-window',
        overflow: 'wait',
        time,
      },
      keyBy: key,
      operators: [
        { kind: 'filter', apply: positive },
        { kind: 'map', apply: double },
        { kind: 'flatMap', apply: twice },
        { kind: 'tap', apply: look },
        { kind: 'batch', size: 100, withinMs: 5 },
      ],
      concurrency: 8,
      sinks: [{ label: '0', takes: 'outputs', sink: bars }],
      to: [0],
    })
    expect(retry).toMatchObject({ attempts: 5, backoff: { baseMs: 50, maxMs: 30_000 } })
  })

  it('has the documented defaults', () => {
    const { retry, ...rest } = graph(trades().deliver('at-least-once').to(sink('repeatable')))
    expect(rest).toMatchObject({
      deliver: {
        delivery: 'at-least-once',
        maxIds: 16_777_216,
        whenFull: 'wait',
        overflow: 'wait',
      },
      operators: [],
      concurrency: 64,
    })
    expect(rest).not.toHaveProperty('keyBy')
    expect(rest.deliver).not.toHaveProperty('id')
    expect(retry).toMatchObject({ attempts: 3, backoff: { baseMs: 100, maxMs: 10_000 } })
  })

  it('is frozen to the last part', () => {
    const definition = pipeline('raw')
      .accepts(frames({ size: 64 }))
      .deliver('exactly-once', { id: at(0), window: '1h' })
      .keyBy(at(56))
      .map((frame) => frame.u32(8))
      .to(sink('idempotent'))
    const parts: unknown[] = [definition, graph(definition)]
    for (const part of parts) {
      expect(Object.isFrozen(part)).toBe(true)
      for (const name of Reflect.ownKeys(part as object)) {
        const child: unknown = Reflect.get(part as object, name)
        if (typeof child === 'object' && child !== null) parts.push(child)
      }
    }
    expect(parts.length).toBeGreaterThan(8)
  })

  it('is found under the registered symbol, also when another copy of the library made it', () => {
    const definition = trades().deliver('at-most-once').to(sink('repeatable'))
    expect(isDefinition(definition)).toBe(true)
    const fromElsewhere = { name: 'x', [Symbol.for('semel.pipeline')]: graph(definition) }
    expect(requireGraph(fromElsewhere, 'open')).toBe(graph(definition))
    for (const other of [undefined, null, 7, 'trades', {}, trades(), () => {}]) {
      expect(graphOf(other)).toBeUndefined()
      expect(isDefinition(other)).toBe(false)
    }
  })
})

describe('an opener', () => {
  it.each<[unknown, string]>([
    [
      trades().deliver('at-least-once'),
      './x.js: the pipeline trades has no sink: end it with .to(…)',
    ],
    [pipeline('trades'), './x.js: the pipeline trades has no sink: end it with .to(…)'],
    [
      undefined,
      "./x.js: undefined is not a pipeline; give (or export as default) pipeline('name')….to(sink)",
    ],
    [
      { a: 1 },
      "./x.js: { a: 1 } is not a pipeline; give (or export as default) pipeline('name')….to(sink)",
    ],
  ])('learns what is missing in %s', (value, message) => {
    expect(refused(() => requireGraph(value, './x.js'))).toBe(message)
  })
})

describe('withDelivery', () => {
  it('changes the delivery and nothing else', () => {
    const original = graph(trades().deliver('exactly-once', identified).to(sink('rewindable')))
    const changed = withDelivery(original, 'at-most-once')
    expect(Object.isFrozen(changed)).toBe(true)
    expect(Object.isFrozen(changed.deliver)).toBe(true)
    expect(changed).toEqual({
      ...original,
      deliver: { ...original.deliver, delivery: 'at-most-once' },
    })
    expect(withDelivery(changed, 'exactly-once')).toEqual(original)
  })

  it('refuses exactly-once without an id', () => {
    const original = graph(trades().deliver('at-least-once').to(sink('rewindable')))
    expect(refused(() => withDelivery(original, 'exactly-once'))).toBe(
      "open: exactly-once needs to know a message's copies: add deliver('exactly-once', { id, window }), deliver('exactly-once', { producer }) where senders number their messages, or deliver('exactly-once', { by: 'position' }) where all sources are replayable",
    )
  })

  it('refuses exactly-once with a sink that cannot carry it', () => {
    const original = graph(trades().deliver('at-least-once', identified).to(sink('repeatable')))
    expect(refused(() => withDelivery(original, 'exactly-once'))).toBe(
      'open: the sink repeatable is repeatable, and exactly-once needs one that is transactional, rewindable or idempotent: use at-least-once, or declare forEach(..., { idempotent: true })',
    )
  })

  it('refuses an unknown delivery', () => {
    const original = graph(trades().deliver('at-least-once').to(sink('rewindable')))
    expect(refused(() => withDelivery(original, 'once' as never))).toBe(
      `delivery: "once" is unknown; choose 'at-most-once', 'at-least-once' or 'exactly-once'`,
    )
  })
})
