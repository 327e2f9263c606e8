import { at, forEach, frames, pipeline, type Delivery } from 'semel'

/** Six fields, as a market-data feed has them. */
export interface Trade {
  id: number
  symbol: string
  price: number
  size: number
  side: string
  time: number
}

/** Of a raw message; its id is in the first eight bytes. */
export const rawBytes = 64

const delivery = (process.env['SEMEL_BENCH_DELIVERY'] ?? 'at-most-once') as Delivery
const raw = process.env['SEMEL_BENCH_MESSAGE'] === 'raw64'

/** The window is short, so that a long run shows the index as it is in use and not as it fills. */
const window = '1s'
const maxIds = 2 ** 27

let sum = 0
const add = forEach((value: number) => void (sum += value), { idempotent: true, name: 'sum' })

export default raw ? rawPipeline() : objectPipeline()

function objectPipeline() {
  const trades = pipeline('bench-object').accepts<Trade>()
  const notional = (trade: Trade): number => trade.price * trade.size
  return delivery === 'exactly-once'
    ? trades
        .deliver(delivery, { id: (trade) => trade.id, window, maxIds })
        .map(notional)
        .to(add)
    : trades.deliver(delivery).map(notional).to(add)
}

function rawPipeline() {
  const messages = pipeline('bench-raw').accepts(frames({ size: rawBytes }))
  return delivery === 'exactly-once'
    ? messages
        .deliver(delivery, { id: at(0), window, maxIds })
        .map((frame) => frame.u32(8))
        .to(add)
    : messages
        .deliver(delivery)
        .map((frame) => frame.u32(8))
        .to(add)
}
