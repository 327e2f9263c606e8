// node build/js/examples/transfers/main.js [--seconds N] [--dir DIR]
//
// 200 transfers a second, half of them answered within 50 ms. Exactly-once, since losing one and making
// one twice are equally bad; `processed`, since the client wants to know whether the money has moved;
// `disk`, since it must not move back when the power goes.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { AckTimeoutError, open, type Completion } from 'semel'
import { Latencies, latencyText, targetText } from '../latencies.js'
import { openLoop } from '../open-loop.js'
import { missingAndRepeated, readLines } from '../read-lines.js'
import { rateText, report } from '../report.js'
import { isSentTwice, transferOf, type Booked, type Refused, type Transfer } from './transfer.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    dir: {
      type: 'string',
      default: fileURLToPath(new URL('../../../transfers/', import.meta.url)),
    },
  },
})
const perSecond = 200
const shards = 2
const output = join(values.dir, 'transfers.ndjson')
rmSync(values.dir, { recursive: true, force: true })
process.env['SEMEL_TRANSFERS_OUT'] = output

const stream = await open<Transfer, Booked | Refused>(
  new URL('./transfers.pipeline.js', import.meta.url),
  { dir: join(values.dir, 'stream'), shards, acknowledge: 'processed' },
)
const latencies = new Latencies()
/** What the clients were told, by transfer. */
const told = new Map<number, 'booked' | 'refused'>()
let copies = 0
let unknown = 0

const sent = await openLoop(
  { perSecond, seconds: Number(values.seconds), waiting: 'timer' },
  async (id, intendedMs) => {
    const transfer = transferOf(id)
    const sends = isSentTwice(id) ? [transfer, transfer] : [transfer]
    const answers = sends.map(async (copy) => {
      const end = await made(copy)
      latencies.since(intendedMs)
      if (end.outcome === 'duplicate') copies += 1
      else if (end.outcome === 'processed') {
        told.set(id, 'refused' in end.result ? 'refused' : 'booked')
      }
    })
    await Promise.all(answers)
  },
)
await stream.close()

// Outputs can be seen a moment before they are committed; those of a closed stream are.
const ended = readLines<Booked | Refused>(output, shards)
const booked = ended.filter((one) => 'entries' in one)
const sum = booked.flatMap(({ entries }) => entries).reduce((total, { cents }) => total + cents, 0)
const { missing, repeated } = missingAndRepeated(
  ended.map(({ id }) => id),
  sent.count,
)
const misled = ended.filter(
  (one) => told.has(one.id) && told.get(one.id) !== ('entries' in one ? 'booked' : 'refused'),
).length
const { histogram } = latencies
report(
  'transfers: exactly-once, processed, disk',
  [
    ['transfers', rateText(sent.count, sent.seconds)],
    ['answers', latencyText(histogram)],
    ['target', targetText(histogram, 50, 50)],
    ['generator', `late by ${sent.latestMs.toFixed(2)} ms at most`],
    ['booked', booked.length],
    ['refused', ended.length - booked.length],
    ['copies dropped', copies],
    ['unknown at first', unknown],
    ['lost, repeated', `${missing}, ${repeated}`],
    ['sum of entries', sum],
    ['written to', output],
  ],
  [
    ...(missing > 0 ? [`${missing} transfers are lost`] : []),
    ...(repeated > 0 ? [`${repeated} transfers were made again`] : []),
    ...(sum !== 0 ? [`the entries sum up to ${sum} cents`] : []),
    ...(misled > 0 ? [`${misled} clients were told otherwise than it is`] : []),
  ],
)

/** The transfer's end. Without an answer within the time it is unknown, and so it is sent again. */
async function made(transfer: Transfer): Promise<Completion<Booked | Refused>> {
  for (;;) {
    try {
      return await stream.send(transfer, { timeout: 1000 })
    } catch (error) {
      if (!(error instanceof AckTimeoutError)) throw error
      unknown += 1
    }
  }
}
