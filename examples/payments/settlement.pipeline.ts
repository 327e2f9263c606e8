// The second step: what was booked is paid out to the shops, in files of up to a hundred payments, as a
// bank takes them. A payment that can't be paid out concerns none of the others.
import { file, pipeline } from 'semel'
import { closedShop, type Booking } from './payment.js'

export interface PaidOut {
  readonly payment: string
  readonly shop: string
  readonly cents: number
}

export default pipeline('settlement')
  .accepts<Booking>()
  .deliver('exactly-once', { id: (booking) => booking.payment, window: '7d' })
  .map(({ payment, shop, cents }): PaidOut => {
    if (shop === closedShop) throw new Error(`${shop} has no account to pay out to`)
    return { payment, shop, cents }
  })
  .batch(100, { within: '20ms' })
  .retry({ attempts: 1 }) // the account does not come back
  .to(file(process.env['SEMEL_SETTLEMENT_OUT'] ?? './settlement.ndjson'))
