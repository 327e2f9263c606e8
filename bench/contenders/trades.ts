import { Packr } from 'msgpackr'
import type { Trade } from 'semel/measure'

export type { Trade }

const symbols = ['AMZN', 'AAPL', 'MSFT', 'GOOG', 'INTC', 'CSCO', 'ORCL', 'IBM'] as const

/** Prices are quarters and sizes whole, so that their sum is exact in any order. */
export function tradeOf(id: number): Trade {
  return {
    id,
    symbol: symbols[id & 7] as string,
    price: 100 + (id & 63) / 4,
    size: 1 + (id % 500),
    side: (id & 1) === 0 ? 'buy' : 'sell',
    time: 1_340_286_000_000 + id,
  }
}

export function* tradesOf(first: number, count: number): Generator<Trade> {
  for (let id = first; id < first + count; id++) yield tradeOf(id)
}

/** Trades in groups, the last of which may be smaller. */
export function* batchesOf(first: number, count: number, size: number): Generator<Trade[]> {
  for (let sent = 0; sent < count; sent += size) {
    const batch: Trade[] = []
    const end = Math.min(count, sent + size)
    for (let i = sent; i < end; i++) batch.push(tradeOf(first + i))
    yield batch
  }
}

// Any reader can decode it: shapes that are shared between writer and reader need a place for them.
const packr = new Packr({ useRecords: false })

export function encode(trade: Trade): Buffer {
  return packr.pack(trade)
}

export function decode(bytes: Uint8Array): Trade {
  return packr.unpack(bytes) as Trade
}
