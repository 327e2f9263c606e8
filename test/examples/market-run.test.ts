import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateFeed } from '../../examples/market/feed.js'
import type { Tick } from '../../examples/market/normalise.js'
import { receive, type Session } from '../../examples/market/session.js'
import { difference, lines, outputs, recorded, run, runAndKill, ways, type Run } from './run.js'

const directory = mkdtempSync(join(tmpdir(), 'semel-market-run-'))
afterAll(() => rmSync(directory, { recursive: true }))

const files = recorded('market')
let session: Session
let expected: Map<string, string[]>
let expectedCount: number

beforeAll(async () => {
  session = await receive(files)
  const carried = new Set<string>()
  for (const row of session.rows) if ('message' in row) carried.add(row.message.message.id)
  const ticks = files.length > 0 ? files.flatMap(fromFile) : fromGenerated()
  expected = bySymbol(ticks.filter(({ id }) => carried.has(id)))
  expectedCount = carried.size
})

type Unnumbered = Omit<Tick, 'sequence'>

/** The straight computation: a tick for each line of a recording. */
function fromFile(path: string, at: number): Unnumbered[] {
  const quotes = basename(path).includes('quotes')
  const symbol = basename(path).slice(0, 4).toUpperCase()
  return lines(path)
    .slice(quotes ? 0 : 1)
    .map((line, row) => {
      const fields = line.split(',')
      const id = `${at + 1}:${row + 1}`
      if (!quotes) return tick(id, symbol, 'trade', [[Number(fields[1]), Number(fields[2])]])
      const [ask = 0, askSize = 0, bid = 0, bidSize = 0] = fields.map(Number)
      return tick(id, symbol, 'quote', [
        [ask, askSize],
        [bid, bidSize],
      ])
    })
}

function fromGenerated(): Unnumbered[] {
  return generateFeed(20120621, 60_000).messages.map((message) => {
    const { id, symbol, kind } = message
    if (message.kind === 'trade') return tick(id, symbol, kind, [[message.price, message.size]])
    return tick(id, symbol, kind, [
      [message.ask, message.askSize],
      [message.bid, message.bidSize],
    ])
  })
}

function tick(
  id: string,
  symbol: string,
  kind: Tick['kind'],
  sides: readonly (readonly [price: number, size: number])[],
): Unnumbered {
  let prices = 0
  let size = 0
  let worth = 0
  for (const [price, shares] of sides) {
    prices += price
    size += shares
    worth += price * shares
  }
  const sizeClass = size >= 10_000 ? 'block' : size >= 100 ? 'round' : 'odd'
  const price = prices / (10_000 * sides.length)
  return { id, symbol, kind, price, size, notional: worth / 10_000, sizeClass }
}

/** As text, in the order given. */
function bySymbol(ticks: readonly Unnumbered[]): Map<string, string[]> {
  const grouped = new Map<string, string[]>()
  for (const { id, symbol, kind, price, size, notional, sizeClass } of ticks) {
    const text = JSON.stringify({ id, symbol, kind, price, size, notional, sizeClass })
    const group = grouped.get(symbol)
    if (group === undefined) grouped.set(symbol, [text])
    else group.push(text)
  }
  return grouped
}

/** Every message once, and each symbol in the order of the feed, in one shard. */
function expectFeed(how: Run): void {
  const symbols: string[] = []
  for (const shard of outputs(how)) {
    const ticks = shard.map((line) => JSON.parse(line) as Tick)
    for (const [symbol, texts] of bySymbol(ticks)) {
      symbols.push(symbol)
      expect(difference(texts, expected.get(symbol) ?? [])).toBeUndefined()
      const sequences = ticks.filter((one) => one.symbol === symbol).map((one) => one.sequence)
      expect(sequences.every((sequence, i) => i === 0 || sequence > Number(sequences[i - 1]))).toBe(
        true,
      )
    }
  }
  expect(symbols.toSorted()).toEqual([...expected.keys()].toSorted())
}

test('the injected faults are there: losses on each line, some on both, repeats', () => {
  const { A, B } = session.lines
  expect(A.lacking).toBeGreaterThan(100)
  expect(B.lacking).toBeGreaterThan(100)
  expect(session.lost).toBeGreaterThan(0)
  expect(session.published - expectedCount).toBe(session.lost)
  expect(A.messages + B.messages).toBe(session.rows.length)
})

describe.each(ways)('with $way', ({ shards, workers }) => {
  const how = (name: string): Run => ({
    shards,
    workers,
    example: 'market',
    files,
    directory: join(directory, `${name}-${shards}-${workers}`),
  })

  test('two lossy lines give the feed of a straight computation, exactly once', async () => {
    expect(await run(how('whole'))).toMatchObject({
      stored: session.rows.length,
      processed: expectedCount,
      duplicate: session.rows.length - expectedCount,
      filtered: 0,
      deadLettered: 0,
      parked: 0,
      inFlight: 0,
    })
    expectFeed(how('whole'))
  })

  test('the same command after a kill -9 goes on, and every message is there once', async () => {
    expect(await runAndKill(how('killed'), 1_000_000)).toBe('SIGKILL')
    expect(outputs(how('killed')).flat().length).toBeLessThan(expectedCount)
    await run(how('killed'))
    expectFeed(how('killed'))
  })

  test('the same command after the end adds nothing', async () => {
    const before = outputs(how('whole'))
    await run(how('whole'))
    expect(difference(outputs(how('whole')).flat(), before.flat())).toBeUndefined()
  })
})
