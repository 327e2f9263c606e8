import { describe, expect, it } from 'vitest'
import { durabilityText } from '../../src/core/delivery.js'
import { advise, type Advice } from '../../src/delivery/advise.js'
import { figuresOf, type Figures } from '../../src/delivery/figures.js'
import type { Needs } from '../../src/delivery/needs.js'
import { refused } from '../pipeline/verbs.js'

const nothing = { loss: 'none', duplicates: 'none' } as const

/** What was chosen: `exactly-once processed disk`. */
function chosen({ delivery, acknowledgment, durability }: Advice): string {
  return `${delivery.choice} ${acknowledgment.choice} ${durabilityText(durability.choice)}`
}

function result(delivery: string, durability: string, message: string, median: number) {
  return {
    case: `${message} ${delivery} ${durability}`,
    delivery,
    acknowledge: 'batched',
    durability,
    message,
    messagesPerSecond: { median, min: median - 10, max: median + 10 },
  }
}

function figures(...results: unknown[]): Figures {
  const machine = { cpu: 'A processor', cores: 2, memoryGiB: 24, os: 'linux x64' }
  const date = '2026-11-21T10:00:00.000Z'
  return figuresOf(JSON.stringify({ machine, date, versions: {}, results }), 'figures.json')
}

describe('advice', () => {
  it.each<[Needs, string]>([
    [{ loss: 'none', duplicates: 'none' }, 'exactly-once processed disk'],
    [{ loss: 'none', duplicates: 'some' }, 'at-least-once processed disk'],
    [{ loss: 'some', duplicates: 'none' }, 'at-most-once stored memory'],
    [{ loss: 'some', duplicates: 'some' }, 'at-most-once stored memory'],
    [{ ...nothing, idempotent: true }, 'at-least-once processed disk'],
    [{ ...nothing, powerLoss: 'no' }, 'exactly-once processed process'],
    [{ ...nothing, latency: '10ms' }, 'exactly-once stored disk'],
    [{ ...nothing, rate: 50_000 }, 'exactly-once batched disk'],
    [{ ...nothing, rate: 50_000, latency: '10ms' }, 'exactly-once stored disk'],
    [
      { loss: 'some', duplicates: 'some', powerLoss: 'survive' },
      'at-least-once processed interval:100',
    ],
    [
      { loss: 'some', duplicates: 'none', powerLoss: 'survive', latency: '30ms' },
      'exactly-once processed interval:15',
    ],
    [
      { loss: 'some', duplicates: 'none', powerLoss: 'survive', latency: '4ms' },
      'exactly-once stored disk',
    ],
    // The cases of docs/guide/choosing.md.
    [{ ...nothing, latency: '10ms', powerLoss: 'survive' }, 'exactly-once stored disk'],
    [{ ...nothing, rate: 500, latency: '200ms' }, 'exactly-once processed disk'],
    [
      { loss: 'some', duplicates: 'none', rate: 100_000, latency: '1ms' },
      'at-most-once stored memory',
    ],
    [{ ...nothing, rate: 200, latency: '50ms' }, 'exactly-once processed disk'],
  ])('for %j is %s', (needs, choice) => {
    const advice = advise(needs)
    expect(chosen(advice)).toBe(choice)
    expect(advice.conflicts).toEqual([])
    for (const { because, rejected } of [
      advice.delivery,
      advice.acknowledgment,
      advice.durability,
    ]) {
      for (const text of [because, ...rejected.map((other) => other.because)]) {
        expect(text).toMatch(/^[A-Z].*\.$/)
      }
    }
    expect(advice.delivery.rejected).toHaveLength(2)
    expect(advice.acknowledgment.rejected).toHaveLength(2)
  })

  it('gives the code to write, with options where a need asks for them', () => {
    expect(advise({ ...nothing, latency: '80us', powerLoss: 'no' }).code).toEqual([
      ".deliver('exactly-once', { id: (message) => message.id, window: '24h' })",
      ".to(file('out.ndjson'))",
      "open(module, { dir: './data', durability: 'process', acknowledge: 'stored', waiting: 'spin' })",
    ])
    expect(
      advise({ loss: 'none', duplicates: 'none', idempotent: true, rate: 20_000, latency: '24ms' })
        .code,
    ).toEqual([
      ".deliver('at-least-once')",
      '.to(forEach(handler, { idempotent: true }))',
      "open(module, { dir: './data', durability: 'disk', acknowledge: { batched: 1000, within: '6ms' } })",
    ])
  })

  it('is frozen, and the same in JSON', () => {
    const advice = advise(nothing)
    expect(Object.isFrozen(advice.delivery.rejected)).toBe(true)
    expect(JSON.parse(JSON.stringify(advice))).toEqual(advice)
  })

  it.each<[Needs, string]>([
    [{} as Needs, "advise.loss: undefined is unknown; choose 'none' or 'some'"],
    [
      { loss: 'none', duplicates: 'few' } as never,
      `advise.duplicates: "few" is unknown; choose 'none' or 'some'`,
    ],
    [{ ...nothing, rate: 0 }, 'advise.rate: 0 is no rate; give messages a second, more than 0'],
    [{ ...nothing, latency: 0 }, 'advise.latency: 0 is no bound; give the time that may pass'],
    [
      { ...nothing, latency: 'soon' },
      `advise.latency: "soon" is not a duration; give milliseconds or a text such as '50ms', '10s' or '24h'`,
    ],
    [
      { ...nothing, idempotent: 1 } as never,
      'advise.idempotent: 1 is neither true nor false; give one of them',
    ],
    [
      { ...nothing, powerLoss: true } as never,
      "advise.powerLoss: true is unknown; choose 'survive' or 'no'",
    ],
    [
      { ...nothing, speed: 1 } as never,
      'advise: there is no option "speed"; there are loss, duplicates, rate, latency, idempotent, powerLoss',
    ],
  ])('refuses %j', (needs, message) => {
    expect(refused(() => advise(needs))).toBe(message)
  })
})

describe('needs that exclude each other', () => {
  it('an answer before a sync, and the survival of a power loss', () => {
    const advice = advise({ ...nothing, latency: '50us' })
    expect(chosen(advice)).toBe('exactly-once stored disk')
    expect(advice.conflicts).toEqual([
      {
        says: 'An answer within 50 µs and the survival of a power loss exclude each other: at disk it waits for the sync under way and for its own, and one takes about 100 µs on a fast drive.',
        nearest:
          "durability 'disk' with an answer in about 200 µs at the median and some milliseconds at p99, which is what is advised here; or --power-loss no: durability 'process' answers in microseconds and survives kill -9.",
      },
    ])
    expect(advise({ ...nothing, latency: '50us', powerLoss: 'no' }).conflicts).toEqual([])
  })

  it('an answer before another thread can give it', () => {
    expect(advise({ loss: 'some', duplicates: 'some', latency: '1us' }).conflicts).toEqual([
      {
        says: 'An answer within 1 µs is less than it takes to hand a message to another thread and hear back.',
        nearest:
          "some 5 µs, with waiting: 'spin' and a core for each worker; or push(), which does not wait at all.",
      },
    ])
  })

  it('a rate that takes more workers than the machine has cores', () => {
    const measured = figures(result('exactly-once', 'disk', 'object', 100_000))
    const fits = advise({ ...nothing, rate: 120_000 }, measured)
    expect(fits.conflicts).toEqual([])
    expect(fits.code.at(-1)).toContain('shards: 2, workers: 2')
    expect(advise({ ...nothing, rate: 300_000 }, measured).conflicts).toEqual([
      {
        says: '300,000/s is more than this machine can do: one worker did 100,000/s, and there are 2 cores.',
        nearest:
          '5 workers on a machine with more cores than that, or several machines with a part of the keys each.',
      },
    ])
  })

  it('leave a tail to be measured where only the median of a sync fits', () => {
    expect(advise({ ...nothing, latency: '2ms' }).asks.at(-1)).toBe(
      'Measure the tail: the median of a sync fits into 2 ms, but its p99 may be some milliseconds on a busy machine.',
    )
  })
})

describe('figures', () => {
  it('are those of the same delivery and durability, of objects where there are both', () => {
    const measured = figures(
      result('exactly-once', 'disk', 'raw64', 4_000_000),
      result('exactly-once', 'disk', 'object', 1_900_000),
      result('exactly-once', 'process', 'object', 2_100_000),
    )
    expect(advise(nothing, measured).figure).toEqual({
      case: 'object exactly-once disk',
      delivery: 'exactly-once',
      durability: 'disk',
      acknowledge: 'batched',
      message: 'object',
      medianPerSecond: 1_900_000,
      minPerSecond: 1_899_990,
      maxPerSecond: 1_900_010,
      cpu: 'A processor',
      cores: 2,
      date: '2026-11-21T10:00:00.000Z',
    })
    expect(advise({ loss: 'some', duplicates: 'none' }, measured).figure).toBeNull()
  })

  it('of a newer benchmark are read as far as they are known', () => {
    const measured = figures(
      { case: 'latency', p50Us: 12 },
      'nothing',
      result('at-most-twice', 'disk', 'object', 5),
      { delivery: 'exactly-once', durability: 'disk', messagesPerSecond: { median: 7 } },
    )
    expect(measured.results).toEqual([
      {
        case: 'unknown',
        delivery: 'exactly-once',
        durability: 'disk',
        acknowledge: 'none',
        message: 'unknown',
        medianPerSecond: 7,
        minPerSecond: 7,
        maxPerSecond: 7,
      },
    ])
  })

  it.each([
    ['none', 'it is not JSON'],
    ['[]', 'it has no list of results'],
    ['null', 'it has no list of results'],
    ['{"results":{}}', 'it has no list of results'],
    [
      '{"results":[null,{"delivery":"exactly-once","durability":"disk","messagesPerSecond":{"median":"1"}}]}',
      'none of its results has a delivery, a durability and messagesPerSecond',
    ],
  ])('are not to be found in %s', (text, why) => {
    expect(() => figuresOf(text, 'f.json')).toThrowError(
      expect.objectContaining({
        code: 'SEMEL_FIGURES',
        message: `f.json is no file of figures: ${why}; make one with semel bench --json FILE`,
      }),
    )
  })
})
