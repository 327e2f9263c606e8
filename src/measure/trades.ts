/** Six fields, as a market-data feed has them: 34 bytes as MessagePack with shared shapes. */
export interface Trade {
  id: number
  symbol: string
  price: number
  size: number
  side: string
  time: number
}

/** The pipeline that takes them. */
export const tradesModule = new URL('trades.pipeline.js', import.meta.url).href

const symbols = ['AMZN', 'AAPL', 'MSFT', 'GOOG', 'INTC', 'CSCO', 'ORCL', 'IBM'] as const

/** Trades, no two with the same id. */
export function tradesSample(count = 1024): Trade[] {
  return Array.from({ length: count }, (_, index): Trade => ({
    id: 1_000_000_000 + index,
    symbol: symbols[index % symbols.length] as string,
    price: 100 + (index % 64) / 4,
    size: 1 + (index % 500),
    side: index % 2 === 0 ? 'buy' : 'sell',
    time: 1_340_286_000_000 + index,
  }))
}
