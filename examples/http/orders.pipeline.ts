// Orders that take effect once, however often their clients send them.
import { setTimeout as sleep } from 'node:timers/promises'
import { file, fixed, pipeline } from 'semel'
import { priced, type Order, type Placed } from './order.js'

/** How long the stock takes to answer. */
const stockMs = Number(process.env['SEMEL_HTTP_STOCK_MS'] ?? 2)

export default pipeline('http-orders')
  .accepts<Order>()
  .deliver('exactly-once', { id: (order) => order.id, window: '7d' })
  .keyBy((order) => order.customer)
  .map(place)
  .retry({ attempts: 2, backoff: fixed('10ms') })
  .to(file(process.env['SEMEL_HTTP_OUT'] ?? './orders.ndjson'))

async function place(order: Order): Promise<Placed> {
  await sleep(stockMs)
  return priced(order)
}
