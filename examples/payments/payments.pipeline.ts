// Payments are booked once, in the order of each account: two rows of the ledger, in one transaction with
// the commit's number. One that the database refuses is a dead letter, and not half a booking.
import { pipeline } from 'semel'
import { postgres } from 'semel/postgres'
import { schema } from './ledger.js'
import { entriesOf, type Entry, type Payment } from './payment.js'

export default pipeline('payments')
  .accepts<Payment>()
  .deliver('exactly-once', { id: (payment) => payment.id, window: '7d' })
  .keyBy((payment) => payment.from)
  .flatMap(entriesOf)
  .retry({ attempts: 1 }) // an account that there is not does not come
  .to(postgres<Entry>(process.env['SEMEL_PAYMENTS_DB'] ?? {}, { schema, table: 'entries' }))
