import { describe, expect, test } from 'vitest'
import { order, orders } from '../fixtures/orders.js'
import { deathsOf, expectDeaths, FaultySetting, keptDeliveries } from './faults.js'
import { next, pushAll, until, whileBalanced } from './verbs.js'

// A message that kills its worker whenever it is processed.
const count = 600
const wait = { timeout: 20_000 }

const settings = keptDeliveries.flatMap((delivery) =>
  [
    { shards: 1, workers: 1 },
    { shards: 4, workers: 1 },
    { shards: 4, workers: 2 },
  ].flatMap((size) =>
    (['sync', 'async', 'batch'] as const).map((how) => ({ delivery, how, ...size })),
  ),
)

describe.each(settings)('$delivery, $how, $shards shards, $workers workers', (setting) => {
  test('one message is found and dead-lettered after its attempts, its neighbours are done', async () => {
    const poison = Math.floor(Math.random() * count)
    const faulty = new FaultySetting({ ...setting, poison: String(poison) })
    const stream = await faulty.open()
    const deaths = deathsOf(stream)
    const told: string[] = []
    stream.on('dead-letter', ({ error }) => told.push(error))
    await whileBalanced(stream, async () => {
      await pushAll(stream, orders(0, count))
      await stream.drain(wait)
    })
    expect(stream.counters()).toMatchObject({
      stored: count,
      processed: count - 1,
      deadLettered: 1,
    })
    faulty.expectWritten(count, [poison])
    const [letter] = [...stream.deadLetters.list()]
    expect(letter?.message).toEqual(order(poison))
    expectDeaths(letter, 3, /^worker died: worker exited with code: 3$/)
    expect(told).toEqual(['worker died: worker exited with code: 3'])
    // At most: among others, few of them, alone; then once for each attempt.
    expect(deaths.length).toBeGreaterThanOrEqual(3)
    expect(deaths.length).toBeLessThanOrEqual(6)
    expect(faulty.runs(poison)).toBe(deaths.length)
  })
})

describe.each(['sync', 'async', 'batch'] as const)('in a %s pipeline', (how) => {
  const setting = { delivery: 'exactly-once', how, shards: 4, workers: 2 } as const

  test('one that was sent for later is found when it is due, and its neighbours are done', async () => {
    const faulty = new FaultySetting({ ...setting, poison: '100', attempts: 2 })
    const stream = await faulty.open()
    const deaths = deathsOf(stream)
    const at = Date.now() + 300
    await whileBalanced(stream, async () => {
      for (const one of orders(0, count)) {
        const options = one.id % 50 === 0 ? { at, headers: { id: String(one.id) } } : undefined
        while (!stream.push(one, options)) await stream.ready()
      }
      await stream.drain(wait)
    })
    expect(stream.counters()).toMatchObject({ processed: count - 1, deadLettered: 1 })
    const written = faulty.written().map(({ id }) => id)
    const others = orders(0, count).map(({ id }) => id)
    expect(written.toSorted((a, b) => a - b)).toEqual(others.filter((id) => id !== 100))
    const [letter] = [...stream.deadLetters.list()]
    expect(letter).toMatchObject({ message: order(100), headers: { id: '100' }, attempts: 2 })
    expect(deaths.length).toBeLessThanOrEqual(5)
  })

  // Of two keys, of one key, of one worker or two.
  test.each([
    [100, 101],
    [100, 108],
    [7, 500],
  ])('messages %d and %d are both found', async (a, b) => {
    const faulty = new FaultySetting({ ...setting, poison: `${a},${b}`, attempts: 2 })
    const stream = await faulty.open()
    await pushAll(stream, orders(0, count))
    await stream.drain(wait)
    expect(stream.counters()).toMatchObject({ processed: count - 2, deadLettered: 2 })
    faulty.expectWritten(count, [a, b])
    for (const letter of stream.deadLetters.list()) expectDeaths(letter, 2, /^worker died: /)
  })

  test('one attempt is enough where there is but one', async () => {
    const faulty = new FaultySetting({ ...setting, poison: '300', attempts: 1 })
    const stream = await faulty.open()
    await pushAll(stream, orders(0, count))
    await stream.drain(wait)
    expect(stream.counters()).toMatchObject({ processed: count - 1, deadLettered: 1 })
    faulty.expectWritten(count, [300])
    expectDeaths([...stream.deadLetters.list()][0], 1, /^worker died: /)
  })

  test('a message that is parked already is found among its like', async () => {
    const faulty = new FaultySetting({
      ...setting,
      poison: '40,41,42,43',
      by: 'fails',
      attempts: 4,
      backoff: 300,
    })
    const first = await faulty.open()
    await pushAll(first, orders(0, 100))
    await until(() => first.counters().inFlight === 0 && first.counters().parked >= 4, 'parking')
    await first.close()
    // From now on one of them kills.
    const stream = await faulty.open({ by: 'exit', poison: '42' })
    await stream.drain(wait)
    expect(stream.counters()).toMatchObject({ processed: 99, deadLettered: 1, parked: 0 })
    faulty.expectWritten(100, [42])
    const [letter] = [...stream.deadLetters.list()]
    expect(letter?.message).toEqual(order(42))
    expect(letter?.history.map(({ error }) => error)).toEqual([
      'Error: fails',
      ...Array.from({ length: 3 }, () => 'worker died: worker exited with code: 3'),
    ])
  })

  test('a message that kills only once is processed', async () => {
    const faulty = new FaultySetting({ ...setting, poison: '99', times: 1, attempts: 1 })
    const stream = await faulty.open()
    await pushAll(stream, orders(0, count))
    await stream.drain(wait)
    expect(stream.counters()).toMatchObject({ processed: count, deadLettered: 0 })
    faulty.expectWritten(count)
  })

  test('at most once it is dropped, with what was in flight', async () => {
    const faulty = new FaultySetting({ ...setting, delivery: 'at-most-once', poison: '99' })
    const stream = await faulty.open()
    const replaced = next(stream, 'worker-replaced')
    await pushAll(stream, orders(0, count))
    await replaced
    await stream.drain(wait)
    const { processed, dropped, deadLettered } = stream.counters()
    expect(processed + dropped).toBe(count)
    expect(deadLettered).toBe(0)
    expect(dropped).toBeGreaterThan(0)
    expect(faulty.runs(99)).toBe(1)
    const written = faulty.written().map(({ id }) => id)
    expect(new Set(written).size).toBe(processed)
    expect(written).not.toContain(99)
  })
})

describe.each([
  ['throw', /^worker died: TypeError: thrown outside of the handler$/],
  ['reject', /^worker died: nobody awaits this$/],
])('a message that kills by %s, a turn after its handler', (by, error) => {
  test.each(['sync', 'async', 'batch'] as const)('is found in a %s pipeline', async (how) => {
    const faulty = new FaultySetting({
      delivery: 'exactly-once',
      how,
      shards: 4,
      workers: 2,
      poison: '123',
      by,
    })
    const stream = await faulty.open()
    await pushAll(stream, orders(0, count))
    await stream.drain(wait)
    // What it does, it does a turn later: where it was committed by then, it has got away with it.
    const { processed, deadLettered } = stream.counters()
    expect(processed + deadLettered).toBe(count)
    faulty.expectWritten(count, deadLettered === 1 ? [123] : [])
    if (deadLettered === 1) expectDeaths([...stream.deadLetters.list()][0], 3, error)
  })
})

test('what a message leaves behind, and kills after its commit, is charged to nobody', async () => {
  const faulty = new FaultySetting({
    delivery: 'exactly-once',
    how: 'async',
    poison: '10,150,290',
    by: 'timer',
    attempts: 1,
  })
  const stream = await faulty.open()
  const deaths = deathsOf(stream)
  for (let from = 0; from < count; from += 20) {
    await pushAll(stream, orders(from, from + 20))
    await new Promise((resolve) => {
      setTimeout(resolve, 10)
    })
  }
  await stream.drain(wait)
  await until(() => deaths.length > 0, 'a death')
  expect(stream.counters()).toMatchObject({ processed: count, deadLettered: 0 })
  faulty.expectWritten(count)
})

test('a message among two thousand is found in a few deaths', async () => {
  const faulty = new FaultySetting(
    { delivery: 'exactly-once', how: 'async', poison: '1234', backoff: 50 },
    { ring: '1MiB' },
  )
  const stream = await faulty.open()
  const deaths = deathsOf(stream)
  await pushAll(stream, orders(0, 2000))
  await stream.drain(wait)
  faulty.expectWritten(2000, [1234])
  expect(deaths.length).toBeLessThanOrEqual(7)
})

describe('a handler that kills its worker at every message', () => {
  test('ends the stream before many are blamed, and nothing stored is lost', async () => {
    const faulty = new FaultySetting({
      delivery: 'exactly-once',
      shards: 4,
      workers: 2,
      poison: 'all',
      attempts: 2,
    })
    const stream = await faulty.open()
    const failed = next<Error & { code: string }>(stream, 'failed')
    await pushAll(stream, orders(0, count)).catch(() => {})
    const error = await failed
    expect(error).toMatchObject({ name: 'SemelError', code: 'SEMEL_WORKER' })
    expect(error.message).toMatch(
      /was killed by 10 messages one after another.* mend the handler, then open the stream again/,
    )
    expect(() => stream.push(order(0))).toThrow(error)
    await expect(stream.drain()).rejects.toThrow(error)
    const { stored, deadLettered } = stream.counters()
    expect(deadLettered).toBeLessThan(20)
    await stream.close()
    // The handler is mended: all but the dead letters is processed now, and those may be sent again.
    const again = await faulty.open({ poison: '' })
    for (const letter of again.deadLetters.list()) await again.deadLetters.retry(letter)
    await again.drain(wait)
    expect(new Set(faulty.written().map(({ id }) => id)).size).toBe(stored)
    expect(faulty.written()).toHaveLength(stored)
  })
})
