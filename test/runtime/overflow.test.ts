import { at, forEach, frames, memory, pipeline, type Overflow, type Stream } from 'semel'
import { describe, expect, test } from 'vitest'
import { Gate } from '../issues/gate.js'
import { opened, scratch, small } from './verbs.js'

interface Tick {
  symbol: string
  n: number
}

/** A stream at most once whose handler waits behind a gate: the ring is full after some hundred. */
async function gated(overflow: Overflow | undefined) {
  const handled: Tick[] = []
  const gate = new Gate()
  const stream = await opened<Tick>(
    pipeline('ticks')
      .accepts<Tick>()
      .deliver('at-most-once', overflow === undefined ? {} : { overflow })
      .keyBy((tick) => tick.symbol)
      .map(async (tick) => {
        await gate.opened
        handled.push(tick)
        return tick
      })
      .to(memory()),
    { ...small, workers: 0, inFlightMax: 16 },
  )
  return {
    stream,
    handled,
    async letThrough(): Promise<void> {
      gate.open()
      await stream.drain({ timeout: 10_000 })
    },
  }
}

const ticks = (count: number, symbols = 1): Tick[] =>
  Array.from({ length: count }, (_, n) => ({ symbol: `S${n % symbols}`, n }))

/** Pushes all of them in one turn, and how many were taken. */
function pushAtOnce(stream: Stream<Tick>, messages: readonly Tick[]): number {
  return messages.filter((tick) => stream.push(tick)).length
}

const numbers = (handled: readonly Tick[]): number[] => handled.map(({ n }) => n)

describe('where the ring is full', () => {
  test('a message waits, unless the pipeline says otherwise', async () => {
    const { stream, handled, letThrough } = await gated(undefined)
    const taken = pushAtOnce(stream, ticks(20_000))
    expect(taken).toBeLessThan(20_000)
    await letThrough()
    expect(numbers(handled)).toEqual(numbers(ticks(taken)))
    expect(stream.doorCounters()).toMatchObject({ newest: 0, oldest: 0, conflated: 0 })
  })

  test('drop-newest drops what comes, and keeps what it has', async () => {
    const { stream, handled, letThrough } = await gated('drop-newest')
    expect(pushAtOnce(stream, ticks(20_000))).toBe(20_000)
    const { newest } = stream.doorCounters()
    expect(newest).toBeGreaterThan(10_000)
    await letThrough()
    expect(numbers(handled)).toEqual(numbers(ticks(20_000 - newest)))
    expect(stream.counters().stored).toBe(20_000 - newest)
  })

  test('drop-newest takes messages again once there is room', async () => {
    const { stream, handled, letThrough } = await gated('drop-newest')
    pushAtOnce(stream, ticks(20_000))
    await letThrough()
    const before = handled.length
    pushAtOnce(stream, ticks(100))
    await stream.drain({ timeout: 10_000 })
    expect(numbers(handled.slice(before))).toEqual(numbers(ticks(100)))
  })

  test('drop-oldest keeps the newest, in order', async () => {
    const { stream, handled, letThrough } = await gated('drop-oldest')
    expect(pushAtOnce(stream, ticks(20_000))).toBe(20_000)
    const { oldest } = stream.doorCounters()
    expect(oldest).toBeGreaterThan(10_000)
    await letThrough()
    const seen = numbers(handled)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect(seen).toHaveLength(20_000 - oldest)
    expect(seen.slice(-700)).toEqual(numbers(ticks(20_000)).slice(-700))
  })

  test('conflate keeps the newest of each key, in order', async () => {
    const { stream, handled, letThrough } = await gated('conflate')
    expect(pushAtOnce(stream, ticks(200_000, 50))).toBe(200_000)
    const { conflated } = stream.doorCounters()
    expect(conflated).toBeGreaterThan(100_000)
    await letThrough()
    expect(handled).toHaveLength(200_000 - conflated)
    for (const symbol of new Set(handled.map((tick) => tick.symbol))) {
      const own = numbers(handled.filter((tick) => tick.symbol === symbol))
      expect(own).toEqual(own.toSorted((a, b) => a - b))
      expect(own.at(-1)).toBe(199_950 + Number(symbol.slice(1)))
    }
  })

  test('conflate waits where more keys have something to keep than there is room for', async () => {
    const { stream, letThrough, handled } = await gated('conflate')
    const taken = pushAtOnce(stream, ticks(150_000, 150_000))
    expect(taken).toBeGreaterThan(65_000)
    expect(taken).toBeLessThan(150_000)
    expect(stream.doorCounters().conflated).toBe(0)
    await letThrough()
    expect(handled).toHaveLength(taken)
  })

  test.each<[Overflow, string]>([
    ['drop-newest', 'there was no room for it'],
    ['drop-oldest', 'newer ones came while there was no room'],
    ['conflate', 'a newer one of its key came while there was no room'],
  ])('%s tells the sender of what it drops', async (overflow, why) => {
    const { stream, letThrough } = await gated(overflow)
    const told = stream.sendMany(ticks(20_000, 3), { acknowledge: 'processed' })
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
    await letThrough()
    const statuses = await told
    const refused = statuses.flatMap((one) => (one.status === 'refused' ? [one.error] : []))
    const { newest, oldest, conflated } = stream.doorCounters()
    expect(refused.length).toBeGreaterThan(1000)
    expect(refused).toHaveLength(newest + oldest + conflated)
    for (const error of refused) {
      expect(error).toMatchObject({
        code: 'SEMEL_DROPPED',
        retriable: true,
        message: `the message was dropped at the door, as the pipeline's overflow says: ${why}`,
      })
    }
    // The others were told their own results, and not each other's.
    for (const [n, status] of statuses.entries()) {
      if (status.status === 'refused') continue
      expect(status).toMatchObject({ status: 'acknowledged', value: { result: { n } } })
    }
  })
})

describe('overflow', () => {
  test('does not exist for the deliveries that lose nothing', () => {
    const started = pipeline('kept').accepts<Tick>()
    expect(() =>
      // @ts-expect-error at-least-once has no such option
      started.deliver('at-least-once', { overflow: 'drop-newest' }),
    ).toThrow('deliver: there is no option "overflow"; there are id, window, producer, maxIds')
    expect(() =>
      // @ts-expect-error exactly-once neither
      started.deliver('exactly-once', { id: (t) => t.n, window: '1h', overflow: 'conflate' }),
    ).toThrow('deliver: there is no option "overflow"')
  })

  test('is wait where the stream is opened with such a delivery', async () => {
    const definition = pipeline('kept')
      .accepts<Tick>()
      .deliver('at-most-once', { overflow: 'drop-newest' })
      .to(memory())
    const stream = await opened(definition, {
      ...small,
      delivery: 'at-least-once',
      durability: 'process',
      dir: scratch(),
      workers: 0,
    })
    stream.push({ symbol: 'a', n: 1 })
    await stream.drain()
    expect(stream.doorCounters().newest).toBe(0)
  })

  test('is one of four', () => {
    expect(() =>
      // @ts-expect-error no such policy
      pipeline('t').accepts<Tick>().deliver('at-most-once', { overflow: 'drop-all' }),
    ).toThrow(
      `deliver.overflow: "drop-all" is unknown; choose 'wait', 'drop-newest', 'drop-oldest' or 'conflate'`,
    )
  })

  test('conflate needs to know what the newest is of', () => {
    expect(() =>
      pipeline('t')
        .accepts<Tick>()
        .deliver('at-most-once', { overflow: 'conflate' })
        .to(forEach(() => {})),
    ).toThrow(
      'pipeline t: conflate keeps the newest message of each key: add keyBy, or id and window',
    )
  })

  test('other than wait looks at each message, which pushFrames does not', async () => {
    const stream = await opened(
      pipeline('raw')
        .accepts(frames({ size: 16 }))
        .deliver('at-most-once', { overflow: 'conflate' })
        .keyBy(at(0))
        .map((frame) => frame.copy())
        .to(memory()),
      { ...small, workers: 0 },
    )
    expect(() => stream.pushFrames(new Uint8Array(32))).toThrow(
      "pushFrames: the pipeline's overflow is conflate, which looks at each message; use push, or overflow: 'wait'",
    )
  })
})
