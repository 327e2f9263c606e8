import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { generateFeed, readFeed, type Trade } from '../../examples/market/feed.js'
import { mergeLines, overLine, type Arrival, type Line } from '../../examples/market/lines.js'
import { normalise } from '../../examples/market/normalise.js'
import { Sequencer } from '../../examples/market/sequencer.js'
import { receive, sessionSource } from '../../examples/market/session.js'

const directory = mkdtempSync(join(tmpdir(), 'semel-market-'))
afterAll(() => rmSync(directory, { recursive: true }))

const trade = (sequence: number): Trade => ({
  kind: 'trade',
  id: `1:${sequence}`,
  sequence,
  symbol: 'AMZN',
  time: '',
  price: 2_238_200,
  size: 21,
})

function recording(name: string, ...lines: string[]): string {
  const path = join(directory, name)
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  return path
}

function arrival(copy: string): Arrival {
  return { line: copy.charAt(0) as Line, atUs: 0, message: trade(Number(copy.slice(1))) }
}

function shown(arrivals: readonly Arrival[]): string {
  return arrivals.map(({ line, message }) => `${line}${message.sequence}`).join(' ')
}

/** What came out after each copy, and at the end. */
function arranged(copies: string, last: number, heldMax?: number) {
  const sequencer = new Sequencer(heldMax)
  const steps = copies.split(' ').map((copy) => shown(sequencer.push(arrival(copy))))
  return { sequencer, steps: [...steps, shown(sequencer.end(last))] }
}

describe('a recorded feed', () => {
  test('has the rows of all recordings, numbered, each with an id of its own', async () => {
    const { messages } = await readFeed([
      recording('amzn-trades-1.csv', 'Time,Price,Volume', '09:30,2238200,1', '09:30,2238200,1'),
      recording('aapl-quotes-1.csv', '5859400,200,5853300,18'),
    ])
    expect(messages.map(({ id, sequence, symbol }) => [id, sequence, symbol])).toEqual([
      ['1:1', 1, 'AMZN'],
      ['2:1', 2, 'AAPL'],
      ['1:2', 3, 'AMZN'],
    ])
    expect(messages[1]).toMatchObject({ kind: 'quote', ask: 5_859_400, askSize: 200, bidSize: 18 })
  })

  test('sets malformed rows aside and keeps the numbers of the others', async () => {
    const path = recording('aapl-quotes-2.csv', '1,2,3,4', 'what', '5,6,7,8')
    const { messages, malformed } = await readFeed([path])
    expect(messages.map(({ id }) => id)).toEqual(['1:1', '1:3'])
    expect(malformed).toEqual([{ text: 'what', line: 2, reason: '1 field, but 4 columns' }])
  })

  test('needs a name that says symbol and kind', async () => {
    await expect(readFeed(['aapl.csv'])).rejects.toThrow('call a recording SYMBOL-trades')
  })
})

describe('a line', () => {
  const feed = generateFeed(1, 20_000).messages

  test('is the same for the same seed, and another for another', () => {
    expect(overLine(feed, 'A', 7)).toEqual(overLine(feed, 'A', 7))
    expect(overLine(feed, 'A', 7)).not.toEqual(overLine(feed, 'A', 8))
  })

  test('loses, repeats and delays, but does not overtake itself', () => {
    const arrivals = mergeLines(overLine(feed, 'A', 7))
    const sequences = arrivals.map(({ message }) => message.sequence)
    const brought = new Set(sequences)
    const first = [...brought]
    expect(first).toEqual(first.toSorted((a, b) => a - b))
    expect((feed.length - brought.size) / feed.length).toBeCloseTo(0.01, 2)
    expect((sequences.length - brought.size) / feed.length).toBeCloseTo(0.005, 2)
    const longestUs = Math.max(
      ...arrivals.map(({ atUs, message }) => atUs - 10 * (message.sequence - 1)),
    )
    expect(longestUs).toBeGreaterThan(2000)
  })
})

describe('the sequencer', () => {
  test('passes every copy on at once where there is no gap', () => {
    const { sequencer, steps } = arranged('A1 B1 B2 A2 A2', 2)
    expect(steps).toEqual(['A1', 'B1', 'B2', 'A2', 'A2', ''])
    expect(sequencer.lines).toEqual({
      A: { messages: 3, lacking: 0 },
      B: { messages: 2, lacking: 0 },
    })
  })

  test('holds what is ahead of a gap until the other line fills it', () => {
    const { sequencer, steps } = arranged('A1 A3 A3 A4 B1 B2 B3 B4', 4)
    expect(steps).toEqual(['A1', '', '', '', 'B1', 'B2 A3 A3 A4', 'B3', 'B4', ''])
    expect(sequencer.lines.A.lacking).toBe(1)
    expect(sequencer.lost).toBe(0)
  })

  test('goes on where both lines have passed the gap', () => {
    const { sequencer, steps } = arranged('A1 A3 B1 B4 A4', 4)
    expect(steps).toEqual(['A1', '', 'B1', 'A3 B4', 'A4', ''])
    expect(sequencer.lines).toMatchObject({ A: { lacking: 1 }, B: { lacking: 2 } })
    expect(sequencer.lost).toBe(1)
  })

  test('lets go of everything at the end, and counts what is missing there', () => {
    const { sequencer, steps } = arranged('A1 A3', 5)
    expect(steps).toEqual(['A1', '', 'A3'])
    expect(sequencer.lines).toMatchObject({ A: { lacking: 3 }, B: { lacking: 5 } })
    expect(sequencer.lost).toBe(3)
  })

  test('gives a gap up when it holds too much, and lets nothing out late', () => {
    const { sequencer, steps } = arranged('A2 A3 A4 B1 B2', 4, 2)
    expect(steps).toEqual(['', '', 'A2 A3 A4', '', 'B2', ''])
    expect(sequencer.lost).toBe(1)
  })

  test('only delays: all copies of two lossy lines come out, the first ones in order', () => {
    const { messages } = generateFeed(2, 20_000)
    const arrivals = mergeLines(overLine(messages, 'A', 3), overLine(messages, 'B', 4))
    const sequencer = new Sequencer()
    const released = arrivals.flatMap((copy) => sequencer.push(copy))
    const out = released.concat(sequencer.end(messages.length))
    expect(new Set(out)).toEqual(new Set(arrivals))
    const first = [...new Set(out.map(({ message }) => message.sequence))]
    expect(first).toEqual(first.toSorted((a, b) => a - b))
    expect(messages.length - first.length).toBe(sequencer.lost)
    for (const line of ['A', 'B'] as const) {
      const brought = arrivals.filter((copy) => copy.line === line)
      const distinct = new Set(brought.map(({ message }) => message.sequence)).size
      const lacking = messages.length - distinct
      expect(sequencer.lines[line]).toEqual({ messages: brought.length, lacking })
    }
  })
})

describe('a normalised message', () => {
  test('has the price of a trade in dollars, its worth and its size class', () => {
    expect(normalise(trade(1))).toEqual({
      id: '1:1',
      sequence: 1,
      symbol: 'AMZN',
      kind: 'trade',
      price: 223.82,
      size: 21,
      notional: 4700.22,
      sizeClass: 'odd',
    })
    expect(normalise({ ...trade(1), size: 100 }).sizeClass).toBe('round')
    expect(normalise({ ...trade(1), size: 10_000 }).sizeClass).toBe('block')
  })

  test('has the middle of a quote and the worth of both its sides', () => {
    const published = { id: '2:1', sequence: 1, symbol: 'AAPL', kind: 'quote' } as const
    expect(
      normalise({ ...published, ask: 5_859_400, askSize: 200, bid: 5_853_300, bidSize: 18 }),
    ).toEqual({
      ...published,
      price: 585.635,
      size: 218,
      notional: 127_723.94,
      sizeClass: 'round',
    })
  })
})

describe('a session as a source', () => {
  test('goes on from an offset with the same rows', async () => {
    const session = await receive([])
    const read = async (from: number) => {
      const source = sessionSource([], () => session)
      const [partition = ''] = source.partitions
      const signal = new AbortController().signal
      const rows = []
      for await (const batch of source.read({ offsets: new Map([[partition, from]]), signal })) {
        expect(batch.rows.at(-1)?.offset).toBe(batch.offset)
        rows.push(...batch.rows)
      }
      return rows
    }
    expect(await read(0)).toEqual(session.rows)
    expect(await read(70_001)).toEqual(session.rows.slice(70_001))
    expect((await receive([])).rows).toEqual(session.rows)
  })
})
