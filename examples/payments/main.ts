// node build/js/examples/payments/main.js [--seconds N] [--dir DIR]
//
// The worked example of docs/guide/choosing.md: payments are accepted at once, processed later, and settled in
// batches.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { latencyText, targetText } from '../latencies.js'
import { readLines } from '../read-lines.js'
import { rateText, report } from '../report.js'
import { audit } from './audit.js'
import { atTheTill, euros, generatePayments, type Booking } from './payment.js'
import { settle } from './settle.js'
import type { PaidOut } from './settlement.pipeline.js'
import { takePayments } from './take-payments.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    dir: {
      type: 'string',
      default: fileURLToPath(new URL('../../../payments/', import.meta.url)),
    },
  },
})
const ledger = join(values.dir, 'ledger.ndjson')
const settlement = join(values.dir, 'settlement.ndjson')
rmSync(values.dir, { recursive: true, force: true })
process.env['SEMEL_LEDGER_OUT'] = ledger
process.env['SEMEL_SETTLEMENT_OUT'] = settlement

const payments = generatePayments(20260101, Math.round(400 * Number(values.seconds)))
const { sent, accepted, copies, ends, till } = await takePayments(
  payments,
  join(values.dir, 'payments'),
)
// Of a stream that is closed, all outputs are committed.
const bookings = readLines<Booking>(ledger, 1)
const { batches, heldBack } = await settle(bookings, join(values.dir, 'settlement'))
const paidOut = readLines<PaidOut[]>(settlement, 1).flat()

const refused = ends.filter(({ outcome }) => outcome === 'dead-lettered')
const duplicates = ends.filter(({ outcome }) => outcome === 'duplicate').length
const sum = (of: readonly { readonly cents: number }[]): number =>
  of.reduce((total, { cents }) => total + cents, 0)
report(
  'payments: exactly-once, stored, disk',
  [
    ['handed in', `${rateText(sent.count, sent.seconds)}, ${copies} of them twice`],
    ['accepted', latencyText(accepted.histogram)],
    ['target', targetText(accepted.histogram, 99, 10)],
    ['booked', `${bookings.length} with ${euros(sum(bookings))}`],
    ['refused', `${refused.length}; the last: ${refused.at(-1)?.error?.message ?? 'none'}`],
    ['copies dropped', duplicates],
  ],
  [],
)
report(
  `${atTheTill.id}: processed, as this call asked`,
  [
    ['at first', till.unknown?.message ?? 'answered in time'],
    ['sent again', till.sentAgain.outcome],
    ['the first, late', till.late?.outcome ?? 'not told'],
  ],
  [],
)
report(
  'settlement: exactly-once, batched, disk',
  [
    ['paid out', `${paidOut.length} with ${euros(sum(paidOut))}`],
    ['acknowledged', `in ${batches.length} batches`],
    ['held back', `${heldBack.length} with ${euros(sum(heldBack.map(({ booking }) => booking)))}`],
    ['why', heldBack[0]?.reason ?? 'none was'],
    ['written to', values.dir],
  ],
  audit({ payments, copies, ends, bookings, paidOut, heldBack }),
)
