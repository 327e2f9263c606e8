import { describe, expect, it } from 'vitest'
import { file } from '../../src/connectors/file/sink/sink.js'
import { forEach } from '../../src/connectors/for-each/sink.js'
import { memory } from '../../src/connectors/memory/sink.js'
import { outputs } from '../../src/connectors/outputs/sink.js'
import type { Delivery, Durability } from '../../src/core/delivery.js'
import type { SinkKind } from '../../src/core/sink.js'
import { faults, type HopName } from '../../src/delivery/hop.js'
import { guarantee } from '../../src/runtime/stream/guarantee.js'
import type { OpenOptions } from '../../src/runtime/settings/open-options.js'
import { refused } from '../pipeline/verbs.js'
import { hopOf, known, met, orders, reported } from './verbs.js'

const short = { 'at-most-once': '≤1', 'at-least-once': '≥1', 'exactly-once': '1' } as const
const interval = { interval: 100 }
const store = forEach(() => {}, { idempotent: true, name: 'store' })

/** The report on at-least-once at a durability. */
const leastAt = (durability: Durability) => reported('at-least-once', 'repeatable', { durability })

/** The report on exactly-once to a file at a durability. */
const fileAt = (durability: Durability) => reported('exactly-once', file('o'), { durability })

function answer(
  acknowledge: NonNullable<OpenOptions['acknowledge']>,
  delivery: Delivery = 'at-least-once',
) {
  return hopOf(reported(delivery, 'repeatable', { acknowledge }), 'sender').what
}

function until(options: object, shards = 1) {
  return hopOf(reported('exactly-once', 'idempotent', { shards }, options), 'sender').until
}

/** What is said of a worker's death. */
function deathSays(workers: number, heartbeat: number) {
  const { encounters } = hopOf(
    reported('at-most-once', 'repeatable', { workers, heartbeat }),
    'processed',
  )
  return encounters.find(({ fault }) => fault === 'worker-death')?.says
}

function frozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.isFrozen(value) && Object.values(value).every(frozen)
}

type Row = [Delivery, Durability, SinkKind, HopName, hops: string, notThrough: string]

describe('a report', () => {
  it.each<Row>([
    ['at-most-once', 'memory', 'transactional', 'sender', '≤1 ≤1 ≤1 ≤1 ≤1', 'sent-again'],
    ['at-most-once', 'memory', 'rewindable', 'sender', '≤1 ≤1 ≤1 ≤1 ≤1', 'sent-again'],
    ['at-most-once', 'memory', 'idempotent', 'sender', '≤1 ≤1 ≤1 ≤1 ≤1', 'sent-again'],
    ['at-most-once', 'memory', 'repeatable', 'sender', '≤1 ≤1 ≤1 ≤1 ≤1', 'sent-again'],
    ['at-least-once', 'process', 'transactional', 'stored', '≥1 1 ≥1 ≥1 ≥1', 'power-loss'],
    ['at-least-once', 'process', 'rewindable', 'stored', '≥1 1 ≥1 1 1', 'power-loss'],
    ['at-least-once', 'process', 'idempotent', 'stored', '≥1 1 ≥1 1 1', 'power-loss'],
    ['at-least-once', 'process', 'repeatable', 'stored', '≥1 1 ≥1 ≥1 ≥1', 'power-loss'],
    ['at-least-once', interval, 'transactional', 'processed', '≥1 1 ≥1 ≥1 ≥1', ''],
    ['at-least-once', interval, 'rewindable', 'processed', '≥1 1 ≥1 1 1', ''],
    ['at-least-once', interval, 'idempotent', 'processed', '≥1 1 ≥1 1 1', ''],
    ['at-least-once', interval, 'repeatable', 'processed', '≥1 1 ≥1 ≥1 ≥1', ''],
    ['at-least-once', 'disk', 'transactional', 'processed', '≥1 1 ≥1 ≥1 ≥1', ''],
    ['at-least-once', 'disk', 'rewindable', 'processed', '≥1 1 ≥1 1 1', ''],
    ['at-least-once', 'disk', 'idempotent', 'processed', '≥1 1 ≥1 1 1', ''],
    ['at-least-once', 'disk', 'repeatable', 'processed', '≥1 1 ≥1 ≥1 ≥1', ''],
    ['exactly-once', 'process', 'transactional', 'stored', '1 1 1 1 1', 'power-loss'],
    ['exactly-once', interval, 'transactional', 'sender', '1 1 1 1 1', ''],
    ['exactly-once', 'disk', 'transactional', 'sender', '1 1 1 1 1', ''],
    ['exactly-once', 'process', 'rewindable', 'stored', '1 1 1 1 1', 'power-loss'],
    ['exactly-once', 'process', 'idempotent', 'stored', '1 1 1 1 1', 'power-loss'],
    ['exactly-once', interval, 'rewindable', 'reader', '1 1 1 1 1', ''],
    ['exactly-once', interval, 'idempotent', 'sender', '1 1 1 1 1', ''],
    ['exactly-once', 'disk', 'rewindable', 'reader', '1 1 1 1 1', ''],
    ['exactly-once', 'disk', 'idempotent', 'sender', '1 1 1 1 1', ''],
  ])(
    'on %s at %j with a sink that is %s names the weakest hop, %s',
    (delivery, durability, kind, weakest, hops, notThrough) => {
      const report = reported(delivery, kind, { durability })
      expect(report.weakest).toBe(weakest)
      expect(report.hops.map(({ promise }) => short[promise]).join(' ')).toBe(hops)
      expect(report.notThrough.join(' ')).toBe(notThrough)
      expect(new Set([...report.through, ...report.notThrough])).toEqual(new Set(faults))
    },
  )

  it('is there for no combination that does not open', () => {
    const combinations: [Delivery, Durability, SinkKind][] = []
    for (const delivery of ['at-most-once', 'at-least-once', 'exactly-once'] as const) {
      for (const durability of ['memory', 'process', interval, 'disk'] as const) {
        for (const kind of ['transactional', 'rewindable', 'idempotent', 'repeatable'] as const) {
          combinations.push([delivery, durability, kind])
        }
      }
    }
    const reasons = combinations.map(([delivery, durability, kind]) => {
      try {
        reported(delivery, kind, { durability })
        return 'reported'
      } catch (error) {
        return (error as Error).message.split(/[:;]/)[0]
      }
    })
    const counted = new Map<string | undefined, number>()
    for (const reason of reasons) counted.set(reason, (counted.get(reason) ?? 0) + 1)
    // A durability of another delivery; exactly-once to sinks that are repeatable.
    expect(counted).toEqual(
      new Map([
        ['reported', 25],
        ['durability', 19],
        ['to', 4],
      ]),
    )
  })

  it('says why open refuses what it refuses', () => {
    expect(refused(() => reported('at-most-once', 'repeatable', { durability: 'disk' }))).toBe(
      'durability: "disk" does not go with at-most-once, whose messages are kept in memory only; leave it out, or choose at-least-once',
    )
    expect(refused(() => guarantee({} as never))).toBe(
      "guarantee: {} is not a pipeline; give (or export as default) pipeline('name')….to(sink)",
    )
    expect(refused(() => reported('at-least-once', 'repeatable', { shard: 2 } as never))).toMatch(
      /^open: there is no option "shard"; /,
    )
  })

  it('is frozen through and through, and the same in JSON', () => {
    const durability = { interval: 5 }
    const report = reported('exactly-once', file('out.ndjson'), { durability })
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    expect(frozen(report)).toBe(true)
    expect(Object.isFrozen(durability)).toBe(false)
    const told = reported('exactly-once', file('out.ndjson'), {
      acknowledge: { batched: 10, onBatch: () => {} },
    })
    expect(JSON.parse(JSON.stringify(told))).toEqual(told)
  })

  it('holds at each hop what it says: a fault that breaks one is not survived by the whole', () => {
    for (const durability of ['process', 'disk'] as const) {
      const report = reported('exactly-once', memory(), { durability })
      for (const { encounters } of report.hops) {
        for (const { fault, holds, says } of encounters) {
          if (!holds) expect(report.notThrough).toContain(fault)
          expect(says).toMatch(/^[A-Z].*\.$/)
        }
      }
    }
  })
})

describe('the sender', () => {
  it('hears back as the acknowledgment says', () => {
    expect(answer('stored')).toBe(
      'send resolves with a receipt when the message is on disk, written and synced; receipt.outcome, when its outcome is committed. push gives none.',
    )
    expect(answer('processed')).toBe(
      'send resolves with the outcome when it is committed, and with the result. push gives none.',
    )
    expect(answer({ batched: 500, within: '2s' })).toBe(
      'send resolves with the outcome when the batch of its message is committed: 500 messages, or 2 s after the first. One that waits for its next attempt is parked in it, and ends later. push gives none.',
    )
  })

  it('has a place in a batch for what is pushed, where somebody is told of batches', () => {
    expect(answer({ batched: 500, within: '2s', onBatch: () => {} })).toBe(
      'send resolves with the outcome when the batch of its message is committed: 500 messages, or 2 s after the first. One that waits for its next attempt is parked in it, and ends later. onBatch is told of each batch, in which what is pushed has its place too.',
    )
  })

  it('is never told that a message is parked where none is tried again', () => {
    expect(answer('batched', 'at-most-once')).toBe(
      'send resolves with the outcome when the batch of its message is committed: 1,000 messages, or 10 ms after the first. push gives none.',
    )
  })

  it('may send again what is known by its id, for the window', () => {
    expect(met(reported('at-least-once', 'repeatable'), 'sender', 'sent-again')).toBe(
      'repeated, holds',
    )
    const once = reported('at-least-once', 'repeatable', {}, known)
    expect(met(once, 'sender', 'sent-again')).toBe('limited, holds')
    expect(once.windowMs).toBe(86_400_000)
    expect(hopOf(once, 'sender')).toMatchObject({ promise: 'exactly-once', restsOn: 'window' })
    // It is what it promises all the same: its worker may process a message twice.
    expect(once.weakest).toBe('processed')
  })

  it('is told what becomes of the window when the ids are used up, and by shards', () => {
    expect(until({ ...known, maxIds: 1000 })).toBe(
      "24 h between two copies' being stored. A copy that is stored later is a new message; a shard that knows 1,000 ids takes no more until the oldest have left the window, and a copy that waits meanwhile for longer than the window is a new message.",
    )
    expect(
      until({ id: known.id, window: '90s', whenFull: 'shorten-window', time: () => 0 }, 2),
    ).toBe(
      "90 s between two copies' being stored. A message that is older than that by its own time is late, and has no effect; a shard that knows 16,777,216 ids forgets the oldest early, and its counters tell the window that is left. Each shard knows its own ids, so copies must carry the same key.",
    )
  })

  it('of at-most-once can repeat what it sends twice, and a copy outlives the ids in memory', () => {
    const plain = reported('at-most-once', 'repeatable')
    expect(met(plain, 'sender', 'sent-again')).toBe('repeated, breaks')
    const kept = reported('at-most-once', 'repeatable', { dir: 'data' }, known)
    expect(met(kept, 'sender', 'sent-again')).toBe('limited, holds')
    expect(met(kept, 'sender', 'kill')).toBe('repeated, breaks')
    expect(met(kept, 'sender', 'worker-death')).toBeUndefined()
  })
})

describe('stored', () => {
  it('says what a full ring drops, where something is', () => {
    const plain = reported('at-most-once', 'repeatable')
    expect(met(plain, 'stored', 'full-ring')).toBeUndefined()
    for (const overflow of ['drop-newest', 'drop-oldest', 'conflate'] as const) {
      const keyed = reported('at-most-once', 'repeatable', {}, { ...known, overflow })
      expect(met(keyed, 'stored', 'full-ring')).toBe('lost, holds')
    }
  })

  it('is what the durability survives', () => {
    expect(met(leastAt('process'), 'stored', 'power-loss')).toBe('unknown, breaks')
    expect(met(leastAt('process'), 'stored', 'failed-sync')).toBeUndefined()
    expect(met(leastAt(interval), 'stored', 'power-loss')).toBe('limited, holds')
    expect(met(leastAt('disk'), 'stored', 'power-loss')).toBeUndefined()
    expect(met(leastAt('disk'), 'stored', 'failed-sync')).toBe('stops, holds')
    expect(met(reported('at-most-once', 'repeatable'), 'stored', 'kill')).toBe('lost, holds')
  })
})

describe('processed', () => {
  it('depends on the delivery: dropped, again, or again with outputs that count once', () => {
    expect(met(reported('at-most-once', 'idempotent'), 'processed', 'worker-death')).toBe(
      'lost, holds',
    )
    expect(met(reported('at-least-once', 'idempotent'), 'processed', 'worker-death')).toBe(
      'repeated, holds',
    )
    expect(met(reported('exactly-once', 'idempotent'), 'processed', 'worker-death')).toBe(
      'limited, holds',
    )
  })

  it('tells what inline shards and a missing heartbeat cost', () => {
    expect(deathSays(0, 1000)).toMatch(/^There is no worker: what would end one ends the process/)
    expect(deathSays(1, 0)).toMatch(
      /^It is replaced, but one that hangs is not found \(heartbeat: 0\)/,
    )
    expect(deathSays(1, 1000)).toMatch(
      /^It is replaced, also where it shows no sign of life for 1 s; /,
    )
  })
})

describe('the sink', () => {
  it('that was declared idempotent rests on the word of whoever did', () => {
    for (const delivery of ['at-least-once', 'exactly-once'] as const) {
      const report = reported(delivery, store)
      expect(report.sinks).toEqual([
        { name: 'store', kind: 'idempotent', declared: true, takes: 'outputs' },
      ])
      expect(hopOf(report, 'sink')).toMatchObject({
        promise: 'exactly-once',
        restsOn: 'your-word',
        limit: 'which rests on your word that it is idempotent',
      })
      expect(hopOf(report, 'reader').restsOn).toBe('your-word')
    }
    expect(reported('exactly-once', store).weakest).toBe('sink')
    expect(hopOf(reported('exactly-once', 'idempotent'), 'sink').restsOn).toBe('nothing')
    // Nothing is written twice at most once: no word is needed.
    expect(hopOf(reported('at-most-once', store), 'sink').restsOn).toBe('nothing')
  })

  it('that can be cut back is as good as its last flush', () => {
    expect(met(fileAt('process'), 'sink', 'power-loss')).toBe('unknown, breaks')
    expect(met(fileAt(interval), 'sink', 'power-loss')).toBeUndefined()
    expect(met(fileAt('disk'), 'sink', 'kill')).toBeUndefined()
    expect(met(reported('at-most-once', file('o')), 'sink', 'power-loss')).toBe('lost, holds')
  })

  it('that can not is given again what was not committed', () => {
    const report = reported(
      'at-least-once',
      forEach(() => {}),
    )
    expect(met(report, 'sink', 'kill')).toBe('repeated, holds')
    expect(met(report, 'sink', 'sink-failure')).toBe('repeated, holds')
    expect(report.sinks).toEqual([
      { name: 'forEach', kind: 'repeatable', declared: false, takes: 'outputs' },
    ])
  })

  it('may be given a message before its sync only at an interval, and says so', () => {
    expect(hopOf(leastAt(interval), 'sink').why).toContain('before the sync')
    expect(hopOf(leastAt('disk'), 'sink').why).not.toContain('before the sync')
  })

  it('that hands outputs to a loop is told what the loop asks for', () => {
    const least = reported('at-least-once', outputs())
    const most = reported('at-most-once', outputs())
    expect(hopOf(least, 'sink').why).toContain('the loop over stream.outputs() asks for the next')
    expect(hopOf(most, 'sink').why).toContain('the loop over stream.outputs() is given it')
    expect(met(least, 'sink', 'kill')).toBe('repeated, holds')
  })

  it('in memory survives nothing', () => {
    const report = reported('exactly-once', memory(), { workers: 0 })
    expect(report.notThrough).toEqual(['kill', 'power-loss'])
    expect(report.weakest).toBe('sink')
  })
})

describe('the reader', () => {
  it('of a file can see what a crash takes back, also of a worker', () => {
    const report = reported('exactly-once', file('out.ndjson'))
    expect(hopOf(report, 'reader').restsOn).toBe('committed-reads')
    for (const fault of ['worker-death', 'kill', 'power-loss'] as const) {
      expect(met(report, 'reader', fault)).toBe('limited, holds')
    }
    const inline = reported('exactly-once', file('out.ndjson'), { workers: 0 })
    expect(met(inline, 'reader', 'worker-death')).toBeUndefined()
  })

  it('of transactions sees whole ones, and of a function each call', () => {
    expect(hopOf(reported('at-least-once', 'transactional'), 'reader').what).toBe(
      'A reader sees whole transactions.',
    )
    expect(hopOf(reported('at-least-once', 'repeatable'), 'reader').limit).toBe(
      'who may see effects twice',
    )
  })
})

describe('in a line', () => {
  it.each<[Delivery, Parameters<typeof reported>[1], object, string]>([
    [
      'exactly-once',
      file('out.ndjson'),
      {},
      'orders: exactly-once (disk, stored), copies known for 24 h; weakest hop: reader, who may see outputs that a crash takes back while the stream is open',
    ],
    [
      'exactly-once',
      store,
      { acknowledge: 'processed' },
      'orders: exactly-once (disk, processed), copies known for 24 h; weakest hop: sink, which rests on your word that it is idempotent',
    ],
    [
      'exactly-once',
      file('out.ndjson'),
      { durability: 'process' },
      'orders: exactly-once (process, stored), copies known for 24 h; not through power loss; weakest hop: stored, where a power loss may take what has a receipt',
    ],
    [
      'at-least-once',
      'repeatable',
      { durability: interval, acknowledge: 'batched' },
      'orders: at-least-once (interval:100, batched); weakest hop: processed, where what was not committed is processed again',
    ],
    [
      'at-most-once',
      'repeatable',
      {},
      'orders: at-most-once (memory, stored); not through a message sent again; weakest hop: sender, which takes a message sent again for a new one',
    ],
  ])('%s is all of it', (delivery, to, opened, line) => {
    expect(reported(delivery, to, opened).summary).toBe(line)
  })

  it('is about a pipeline as it is opened, not as it is written', () => {
    const definition = orders('exactly-once', known, file('o'))
    expect(guarantee(definition, { delivery: 'at-most-once' })).toMatchObject({
      delivery: 'at-most-once',
      durability: 'memory',
      windowMs: 86_400_000,
    })
  })
})
