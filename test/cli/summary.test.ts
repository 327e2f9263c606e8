import { describe, expect, it } from 'vitest'
import { countersOfRun, endedOf } from '../../src/cli/counters.js'
import { summaryJson, summaryText, type Summary } from '../../src/cli/run/summary.js'
import { bytesText, countText, elapsedText, plural } from '../../src/cli/text.js'
import { zero } from './verbs.js'

const summary: Summary = {
  pipeline: 'trades',
  counters: { ...zero, stored: 1_234_567, processed: 1_234_500, deadLettered: 60, inFlight: 7 },
  leftOver: 0,
  deadLetters: [],
  notices: [],
  elapsedMs: 2000.4,
  delivery: 'exactly-once',
  durability: { interval: 100 },
  shards: 4,
  workers: 2,
  dir: 'data',
  stoppedBy: undefined,
  resumable: true,
  classes: [],
}

describe('the summary of a run', () => {
  it('as JSON has the documented fields, in order, on one line', () => {
    expect(summaryJson(summary)).toBe(
      '{"stored":1234567,"processed":1234500,"filtered":0,"duplicate":0,"late":0,"deadLettered":60,' +
        '"dropped":0,"parked":0,"inFlight":7,"elapsedMs":2000,"messagesPerSecond":617157,' +
        '"delivery":"exactly-once","durability":"interval:100","shards":4}\n',
    )
  })

  it('has each class of messages, where they choose their delivery', () => {
    const classes = [
      { delivery: 'exactly-once', durability: 'disk', counters: { ...zero, stored: 1000 } },
      { delivery: 'at-most-once', durability: 'memory', counters: { ...zero, dropped: 7 } },
    ] as const
    expect(JSON.parse(summaryJson({ ...summary, classes }))).toMatchObject({
      classes: [
        { delivery: 'exactly-once', durability: 'disk', stored: 1000, dropped: 0 },
        { delivery: 'at-most-once', durability: 'memory', stored: 0, dropped: 7 },
      ],
    })
    const [about, , titles, stored] = summaryText({ ...summary, classes }).split('\n')
    expect(about).toBe(
      'trades: exactly-once, disk, at-most-once, memory, 4 shards, 2 workers, data',
    )
    expect(titles).toBe('                     total  exactly-once  at-most-once')
    expect(stored).toBe('  stored         1,234,567         1,000             0')
  })

  it('as a table has them for people', () => {
    const text = summaryText({
      ...summary,
      leftOver: 100,
      deadLetters: ['shard 0, sequence 5: bad', 'shard 1, sequence 9: worse'],
      stoppedBy: 'SIGTERM',
    })
    expect(text).toBe(`trades: exactly-once, interval:100, 4 shards, 2 workers, data

  stored         1,234,567
    left over          100
  processed      1,234,500
  filtered               0
  duplicate              0
  late                   0
  dead-lettered         60
  dropped                0
  parked                 0
  in flight              7

1,234,560 messages in 2.00 s: 617,157 messages/s
dead letter: shard 0, sequence 5: bad
dead letter: shard 1, sequence 9: worse
and 58 more
stopped by SIGTERM; the same command goes on from here
`)
  })

  it('divides by no time at all without harm', () => {
    expect(summaryText({ ...summary, counters: zero, elapsedMs: 0 })).toContain(
      '\n0 messages in 0 ms: 0 messages/s\n',
    )
  })
})

describe('the counters of a run', () => {
  const before = { ...zero, stored: 100, processed: 50, duplicate: 5, parked: 3, inFlight: 42 }
  const after = { ...before, stored: 160, processed: 140, deadLettered: 2, parked: 1, inFlight: 12 }

  it('are what ended in it, and what is left', () => {
    const counters = countersOfRun(before, after)
    expect(counters).toEqual({
      ...zero,
      stored: 105,
      processed: 90,
      deadLettered: 2,
      parked: 1,
      inFlight: 12,
    })
    expect(counters.stored).toBe(endedOf(counters) + counters.parked + counters.inFlight)
  })
})

describe('numbers for people', () => {
  it.each<[string, string]>([
    [countText(1_234_567.6), '1,234,568'],
    [elapsedText(0.4), '0 ms'],
    [elapsedText(999.4), '999 ms'],
    [elapsedText(1234), '1.23 s'],
    [elapsedText(59_994), '59.99 s'],
    [elapsedText(59_996), '1:00 min'],
    [elapsedText(125_000), '2:05 min'],
    [elapsedText(3_725_000), '1:02:05 h'],
    [bytesText(0), '0 B'],
    [bytesText(1023), '1023 B'],
    [bytesText(1536), '1.5 KiB'],
    [bytesText(16 * 1024 ** 2), '16.0 MiB'],
    [bytesText(3000 * 1024 ** 4), '3000.0 TiB'],
    [plural(1, 'shard'), '1 shard'],
    [plural(2000, 'shard'), '2,000 shards'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected)
  })
})
