// Transfers between accounts, in the order of the account that pays.
import { setTimeout as sleep } from 'node:timers/promises'
import { file, pipeline } from 'semel'
import { limitCents, type Booked, type Refused, type Transfer } from './transfer.js'

export default pipeline('transfers')
  .accepts<Transfer>()
  .deliver('exactly-once', { id: (transfer) => transfer.id, window: '7d' })
  .keyBy((transfer) => transfer.from)
  .map(book)
  .to(file(process.env['SEMEL_TRANSFERS_OUT'] ?? './transfers.ndjson'))

async function book({ id, from, to, cents }: Transfer): Promise<Booked | Refused> {
  await sleep(1 + (id % 3)) // the mandate is looked up
  if (cents > limitCents) return { id, refused: `${cents} cents are over the limit` }
  return {
    id,
    entries: [
      { account: from, cents: -cents },
      { account: to, cents },
    ],
  }
}
