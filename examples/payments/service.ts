// Takes payments by HTTP into the ledger. Run by main.js, which kills it now and then.
//   SEMEL_PAYMENTS_DB=postgres://… node build/js/examples/payments/service.js DIR
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'pg'
import { open } from 'semel'
import { httpHandler } from 'semel/http'
import { recalled } from './ledger.js'
import { askedSchema, type Asked, type Entry, type Payment } from './payment.js'

const [dir] = process.argv.slice(2) as [string]
const pool = new Pool({ connectionString: process.env['SEMEL_PAYMENTS_DB'], max: 4 })
// A connection that is lost at rest: the next look-up takes another one.
pool.on('error', () => {})

// A shop hears that its payment is safe, and does not wait for the booking: acknowledged when stored, at
// the default durability, `disk`.
const stream = await open<Payment, Entry>(new URL('./payments.pipeline.js', import.meta.url), {
  dir,
  shards: 2,
  acknowledge: 'stored',
})
const handler = httpHandler<Payment, Asked>(stream, {
  schema: askedSchema,
  message: ({ body, id, fingerprint }) => ({ ...body, id, fingerprint }),
  recall: (id) => recalled(pool, id),
})
const server = createServer(handler)

process.once('SIGTERM', () => void stop())
async function stop(): Promise<void> {
  await handler.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await stream.close()
  await pool.end()
}

server.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port)
})
