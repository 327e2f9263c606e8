// Orders that are placed once. The stock has to be asked, which takes some milliseconds and at times
// fails; what another attempt mends has to be mended within the 200 ms that a customer waits.
import { setTimeout as sleep } from 'node:timers/promises'
import { exponential, file, pipeline, type MessageContext } from 'semel'
import type { Order, Placed } from './order.js'

export default pipeline('orders')
  .accepts<Order>()
  .deliver('exactly-once', { id: (order) => order.id, window: '24h' })
  .keyBy((order) => order.customer)
  .map(place)
  .retry({ attempts: 3, backoff: exponential('10ms', { max: '100ms' }) })
  .to(file(process.env['SEMEL_ORDERS_OUT'] ?? './orders.ndjson'))

async function place(order: Order, { attempt }: MessageContext): Promise<Placed> {
  const { id, customer, pieces, price } = order
  await sleep(2 + (id % 4))
  if (id % 50 === 7 && attempt === 1) throw new Error(`no answer from the stock to order ${id}`)
  return { id, customer, total: pieces * price, attempts: attempt }
}
