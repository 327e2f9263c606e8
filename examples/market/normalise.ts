import type { Quote, Trade } from './feed.js'

/** Below 100 shares an odd lot, from 10,000 on a block. */
export type SizeClass = 'odd' | 'round' | 'block'

/** What goes out: one shape for quotes and trades, in dollars. */
export interface Tick {
  readonly id: string
  readonly sequence: number
  readonly symbol: string
  readonly kind: 'trade' | 'quote'
  /** Of a quote: midway between ask and bid. */
  readonly price: number
  /** Shares; of a quote: on both sides. */
  readonly size: number
  /** What these shares are worth at their prices. */
  readonly notional: number
  readonly sizeClass: SizeClass
}

export function normalise(message: Trade | Quote): Tick {
  const { id, sequence, symbol, kind } = message
  const { price, size, notional } = message.kind === 'trade' ? ofTrade(message) : ofQuote(message)
  const sizeClass = size < 100 ? 'odd' : size < 10_000 ? 'round' : 'block'
  return { id, sequence, symbol, kind, price, size, notional, sizeClass }
}

/** Prices come in 1/10,000 dollar: sums are made in that unit, which is exact, and divided once. */
const unitsPerDollar = 10_000

type Figures = Pick<Tick, 'price' | 'size' | 'notional'>

function ofTrade({ price, size }: Trade): Figures {
  return { price: price / unitsPerDollar, size, notional: (price * size) / unitsPerDollar }
}

function ofQuote({ ask, askSize, bid, bidSize }: Quote): Figures {
  return {
    price: (ask + bid) / (2 * unitsPerDollar),
    size: askSize + bidSize,
    notional: (ask * askSize + bid * bidSize) / unitsPerDollar,
  }
}
