// node build/js/examples/orders/main.js [--seconds N] [--dir DIR]
//
// 500 orders a second, each answered within 200 ms at p99. Exactly-once, since none may be lost or placed
// twice; `processed`, since the customer wants to know what became of the order and 200 ms leave time for
// that; `disk`, since what was confirmed must not go with the power.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { AckTimeoutError, open, type Completion } from 'semel'
import { Latencies, latencyText, targetText } from '../latencies.js'
import { openLoop } from '../open-loop.js'
import { missingAndRepeated, readLines } from '../read-lines.js'
import { rateText, report } from '../report.js'
import { isSentTwice, orderOf, type Order, type Placed } from './order.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    dir: {
      type: 'string',
      default: fileURLToPath(new URL('../../../orders/', import.meta.url)),
    },
  },
})
const perSecond = 500
const shards = 2
const output = join(values.dir, 'orders.ndjson')
rmSync(values.dir, { recursive: true, force: true })
process.env['SEMEL_ORDERS_OUT'] = output

const stream = await open<Order, Placed>(new URL('./orders.pipeline.js', import.meta.url), {
  dir: join(values.dir, 'stream'),
  shards,
  acknowledge: 'processed',
})
const latencies = new Latencies()
const ends = { processed: 0, duplicate: 0, other: 0 }
let unknown = 0

const sent = await openLoop(
  { perSecond, seconds: Number(values.seconds), waiting: 'timer' },
  async (id, intendedMs) => {
    const order = orderOf(id)
    const copies = isSentTwice(id) ? [order, order] : [order]
    const told = copies.map(async (copy) => {
      const { outcome } = await placed(copy)
      latencies.since(intendedMs)
      if (outcome === 'processed' || outcome === 'duplicate') ends[outcome] += 1
      else ends.other += 1
    })
    await Promise.all(told)
  },
)
await stream.close()

const orders = readLines<Placed>(output, shards)
const { missing, repeated } = missingAndRepeated(
  orders.map(({ id }) => id),
  sent.count,
)
const { histogram } = latencies
report(
  'orders: exactly-once, processed, disk',
  [
    ['orders', rateText(sent.count, sent.seconds)],
    ['answers', latencyText(histogram)],
    ['target', targetText(histogram, 99, 200)],
    ['generator', `late by ${sent.latestMs.toFixed(2)} ms at most`],
    ['placed', orders.length],
    ['tried again', orders.filter(({ attempts }) => attempts > 1).length],
    ['copies dropped', ends.duplicate],
    ['unknown at first', unknown],
    ['lost, repeated', `${missing}, ${repeated}`],
    ['written to', output],
  ],
  [
    ...(missing > 0 ? [`${missing} orders are lost`] : []),
    ...(repeated > 0 ? [`${repeated} orders were placed again`] : []),
    ...(ends.other > 0 ? [`${ends.other} orders ended otherwise`] : []),
  ],
)

/** The order's end. Without an answer within the time it is unknown, and so it is sent again. */
async function placed(order: Order): Promise<Completion<Placed>> {
  for (;;) {
    try {
      return await stream.send(order, { timeout: 200 })
    } catch (error) {
      if (!(error instanceof AckTimeoutError)) throw error
      unknown += 1
    }
  }
}
