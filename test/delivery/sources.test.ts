import { describe, expect, it } from 'vitest'
import { file } from '../../src/connectors/file/sink/sink.js'
import { fileSource } from '../../src/connectors/file/source/source.js'
import { forEachBatch } from '../../src/connectors/for-each/batch.js'
import { iterableSource } from '../../src/connectors/iterable/source.js'
import { memorySource } from '../../src/connectors/memory/source.js'
import type { Delivery } from '../../src/core/delivery.js'
import { guaranteeText } from '../../src/delivery/guarantee-text.js'
import { kindOf, type AnySource, type SourceKind } from '../../src/delivery/source-kind.js'
import { pipeline } from '../../src/pipeline/pipeline.js'
import { guarantee } from '../../src/runtime/stream/guarantee.js'
import { memoryQueue } from '../../src/testing/queue.js'
import { refused } from '../pipeline/verbs.js'
import { hopOf, known, met, orders, reported, type Order } from './verbs.js'

const lines = fileSource('in.ndjson') as AnySource
const queue = memoryQueue().source as AnySource
const feed = iterableSource([], { name: 'feed' }) as AnySource
const journaled = { durability: 'disk' } as const

describe('the kind of a source', () => {
  it.each<[unknown, SourceKind | undefined]>([
    [lines, 'replayable'],
    [memorySource([]), 'replayable'],
    [queue, 'acknowledged'],
    [feed, 'live'],
    [{ ...lines, kind: 'live' }, 'live'],
    [{ ...feed, kind: 'replayable' }, 'replayable'],
    [{ ...feed, kind: 'eternal' }, undefined],
    [{ name: 'none' }, undefined],
    [{ ...feed, name: 7 }, undefined],
    [null, undefined],
    ['in.ndjson', undefined],
  ])('of %s is seen: %s', (source, kind) => {
    expect(kindOf(source)).toBe(kind)
  })
})

const started = (delivery: 'at-most-once' | 'at-least-once') =>
  pipeline('orders').accepts<Order>().deliver(delivery)

/** What is said of handlers that have five seconds. */
function timed(delivery: 'at-most-once' | 'at-least-once', attempts: number) {
  const definition = started(delivery).timeout('5s').retry({ attempts }).to(file('o'))
  return hopOf(guarantee(definition), 'processed').why
}

/** What is said of a full ring behind a limit. */
function whenFull(overflow: 'wait' | 'drop-newest') {
  const definition = pipeline('orders')
    .accepts<Order>()
    .deliver('at-most-once', { overflow })
    .limit('5/s')
    .to(file('o'))
  const { encounters } = hopOf(guarantee(definition), 'stored')
  return encounters.find(({ fault }) => fault === 'full-ring')?.says
}

type Row = [
  Delivery,
  options: object | undefined,
  source: AnySource,
  promise: Delivery,
  sentAgain: string | undefined,
  kill: string | undefined,
]

describe('the way from a source to the ring', () => {
  it.each<Row>([
    ['exactly-once', known, lines, 'exactly-once', undefined, 'limited, holds'],
    ['exactly-once', known, queue, 'exactly-once', 'limited, holds', 'limited, holds'],
    ['exactly-once', known, feed, 'at-most-once', undefined, 'lost, breaks'],
    ['at-least-once', undefined, lines, 'exactly-once', undefined, 'limited, holds'],
    ['at-least-once', undefined, queue, 'at-least-once', 'repeated, holds', 'repeated, holds'],
    ['at-least-once', known, queue, 'exactly-once', 'limited, holds', 'limited, holds'],
    ['at-least-once', undefined, feed, 'at-most-once', undefined, 'lost, breaks'],
    ['at-most-once', undefined, lines, 'at-most-once', undefined, 'repeated, breaks'],
    ['at-most-once', undefined, queue, 'at-most-once', undefined, 'lost, holds'],
    ['at-most-once', undefined, feed, 'at-most-once', undefined, 'lost, holds'],
  ])('under %s with %j', (delivery, options, source, promise, sentAgain, kill) => {
    const opened = delivery === 'at-most-once' ? {} : journaled
    const report = guarantee(orders(delivery, options, file('o')), { ...opened, sources: [source] })
    expect(hopOf(report, 'source').promise).toBe(promise)
    expect(met(report, 'source', 'sent-again')).toBe(sentAgain)
    expect(met(report, 'source', 'kill')).toBe(kill)
    expect(report.notThrough.includes('kill')).toBe(kill?.endsWith('breaks') ?? false)
  })

  it('of a file is at most once where a directory keeps its offset', () => {
    const definition = orders('at-most-once', undefined, file('o'))
    const report = guarantee(definition, { dir: 'data', sources: [lines] })
    expect(met(report, 'source', 'kill')).toBe('lost, holds')
  })

  it('is a part of the whole only where sources are named; the kinds are told of anyway', () => {
    const plain = reported('exactly-once', file('o'))
    expect(plain.hops.map(({ hop }) => hop)).not.toContain('source')
    expect(plain.sources.map(({ kind, names, promise }) => [kind, names, promise])).toEqual([
      ['replayable', [], 'exactly-once'],
      ['acknowledged', [], 'exactly-once'],
      ['live', [], 'at-most-once'],
    ])
    expect(plain.sources[1]?.what).toContain('known by its id for 24 h')
    const named = guarantee(orders('exactly-once', known, file('o')), {
      sources: [feed, lines, fileSource('b.csv') as AnySource],
    })
    expect(named.sources.map(({ kind, names }) => [kind, names])).toEqual([
      ['replayable', ['file(in.ndjson)', 'file(b.csv)']],
      ['live', ['feed']],
    ])
    expect(named).toMatchObject({ weakest: 'source', notThrough: ['kill', 'power-loss'] })
    expect(JSON.parse(JSON.stringify(named))).toEqual(named)
    // Of two hops of one name, one is the weakest.
    expect(guaranteeText(named).match(/; the weakest hop$/gm)).toHaveLength(1)
    expect(guaranteeText(named)).toMatch(/^source {5}at-most-once, on your word; the weakest hop$/m)
  })

  it('is none where producers number their messages', () => {
    const options = { producer: () => ({ id: 'a', epoch: 1, sequence: 1 }) }
    expect(reported('exactly-once', file('o'), {}, options).sources).toEqual([])
    expect(
      refused(() => guarantee(orders('exactly-once', options, file('o')), { sources: [lines] })),
    ).toBe(
      "guarantee.sources: the pipeline orders knows copies by its producers' numbers, and reads no source; leave them out, or deliver with { id, window }",
    )
  })

  it.each([
    [[], '[] is no list of sources'],
    [lines, 'is no list of sources'],
    [[lines, 7], '7 is not a source'],
  ])('is refused for %j', (sources, says) => {
    const definition = orders('at-least-once', undefined, file('o'))
    expect(refused(() => guarantee(definition, { sources: sources as never }))).toContain(says)
  })
})

describe('a word of handlers is told where it changes a promise:', () => {
  it('timeout, behind which a handler may go on', () => {
    const late = 'A handler that does not heed its signal goes on after 5 s: what it does elsewhere'
    expect(timed('at-least-once', 3)).toContain(`${late} may then happen twice.`)
    const once = `${late} may then happen though its message has failed.`
    expect(timed('at-least-once', 1)).toContain(once)
    expect(timed('at-most-once', 3)).toContain(once)
    expect(hopOf(reported('at-least-once', file('o')), 'processed').why).not.toContain('signal')
  })

  it("retry's when, which ends attempts early", () => {
    const told = hopOf(
      guarantee(
        started('at-least-once')
          .retry({ when: () => true })
          .to(file('o')),
      ),
      'processed',
    ).why
    expect(told).toContain("after 3 attempts, or where retry's when answers false, it becomes")
    const most = guarantee(
      started('at-most-once')
        .retry({ when: () => true })
        .to(file('o')),
    )
    expect(hopOf(most, 'processed').why).not.toContain('when')
  })

  it('limit, where what fills the ring is dropped', () => {
    expect(whenFull('wait')).toBeUndefined()
    expect(whenFull('drop-newest')).toBe(
      'What comes is dropped, and counted. What comes faster than limit lets begin fills the ring.',
    )
  })

  it('forEachBatch, whose call is made again without any crash', () => {
    const insert = forEachBatch(() => {}, { name: 'insert' })
    const most = hopOf(reported('at-most-once', insert), 'sink')
    expect(most).toMatchObject({
      restsOn: 'your-word',
      limit: 'which rests on a call that throws having written none',
    })
    expect(most.why).toContain('one that had written some writes those twice, without any crash')
    const put = forEachBatch(() => {}, { name: 'put', idempotent: true })
    expect(hopOf(reported('at-most-once', put), 'sink')).toMatchObject({
      restsOn: 'nothing',
      limit: null,
    })
    expect(hopOf(reported('exactly-once', put), 'sink').why).not.toContain('without any crash')
  })
})
