// The first step: payments are charged at the bank and booked once, in the order of each account. One that
// the bank refuses is tried again, since money may have come in, and then is a dead letter with the reason.
import { file, fixed, pipeline } from 'semel'
import { Bank } from './bank.js'
import type { Booking, Payment } from './payment.js'

const bank = new Bank()

export default pipeline('payments')
  .accepts<Payment>()
  .deliver('exactly-once', { id: (payment) => payment.id, window: '7d' })
  .keyBy((payment) => payment.account)
  .map(async (payment): Promise<Booking> => {
    const { id, account, shop, cents } = payment
    const left = await bank.charge(payment)
    const entries = [
      { account, cents: -cents },
      { account: shop, cents },
    ]
    return { payment: id, entries, shop, cents, left }
  })
  .retry({ attempts: 2, backoff: fixed('5ms') })
  .to(file(process.env['SEMEL_LEDGER_OUT'] ?? './ledger.ndjson'))
