// node build/js/examples/payments/main.js [--payments N] [--kills N] [--dir DIR]
//   [--postgres URL | --programs DIR]
//
// The worked example of docs/guide/choosing.md: payments come by HTTP, are accepted at once, and booked later in
// a ledger in PostgreSQL. Meanwhile the service is killed with -9 and started again, shops send again what
// nobody has answered, and somebody reads the ledger.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { readDeadLetters } from 'semel/directory'
import { rateText, report } from '../report.js'
import { audit } from './audit.js'
import { entriesIn, makeLedger } from './ledger.js'
import { findPrograms, OwnPostgres } from './own-postgres.js'
import { euros, generatePayments, type Asked, type Payment } from './payment.js'
import { readBooks, type Reads } from './reader.js'
import { ServiceProcess } from './service-process.js'
import { Shop } from './shop.js'

const { values } = parseArgs({
  options: {
    payments: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '3' },
    dir: {
      type: 'string',
      default: fileURLToPath(new URL('../../../payments/', import.meta.url)),
    },
    postgres: { type: 'string' },
    programs: { type: 'string' },
  },
})
const shopsCount = 16
const kills = Number(values.kills)

const programs = findPrograms(values.programs)
if (values.postgres !== undefined) await payInto(values.postgres)
else if (programs !== undefined) await payIntoOwn(programs)
else {
  console.error(
    'PostgreSQL is not installed: install it (apt-get install postgresql), say where it is (--programs DIR), or give a database (--postgres postgres://user@host/database), in which the schema semel_payments is the example’s own.',
  )
  process.exitCode = 1
}

async function payIntoOwn(folder: string): Promise<void> {
  const server = await OwnPostgres.start(folder)
  try {
    await payInto(server.url)
  } finally {
    await server.end()
  }
}

/** What came of paying. */
interface Paid {
  readonly seconds: number
  readonly reads: Reads
}

async function payInto(database: string): Promise<void> {
  rmSync(values.dir, { recursive: true, force: true })
  mkdirSync(values.dir, { recursive: true })
  await makeLedger(database)
  const stored = join(values.dir, 'stream')
  const service = new ServiceProcess(stored, database)
  const shop = new Shop(() => service.url)
  const asked = generatePayments(20260101, Number(values.payments))
  const payments = new Map(asked.map((one, at) => [`payment-${at + 1}`, one]))
  let paid: Paid
  try {
    paid = await pay(payments, service, shop, database)
  } finally {
    await service.end('SIGKILL')
  }
  const { heard } = shop
  const entries = await entriesIn(database)
  const letters = [...readDeadLetters(stored)]
  const refused = letters.map(({ message }) => (message as Payment).id)
  const moved = entries.reduce((sum, { cents }) => sum + Math.max(cents, 0), 0)
  const { seconds, reads } = paid
  report(
    'payments: exactly-once, stored, disk; HTTP in, a ledger in PostgreSQL',
    [
      ['accepted', rateText(heard.accepted.length, seconds)],
      ['killed with -9', kills],
      ['sent again', `${heard.retries} without an answer, ${heard.copies} with one`],
      ['keys reused', `${heard.reused}, each for another payment`],
      ['booked', `${new Set(entries.map(({ payment }) => payment)).size} with ${euros(moved)}`],
      [
        'refused',
        `${refused.length}; the last: ${letters.at(-1)?.history.at(-1)?.error ?? 'none'}`,
      ],
      ['read meanwhile', `${reads.count} times`],
    ],
    [
      ...audit({ payments, accepted: heard.accepted, entries, refused }),
      ...heard.wrong,
      ...reads.wrong,
    ],
  )
}

/** All payments, with the kills in between, until the last one is booked. */
async function pay(
  payments: ReadonlyMap<string, Asked>,
  service: ServiceProcess,
  shop: Shop,
  database: string,
): Promise<Paid> {
  await service.start()
  const over = new AbortController()
  const reading = readBooks(database, over.signal)
  const beginMs = performance.now()
  const queue = [...payments].entries()
  const paying = Promise.all(
    Array.from({ length: shopsCount }, async () => {
      for (const [at, [key, one]] of queue) await shop.pay(key, one, at)
    }),
  )
  for (let kill = 1; kill <= kills; kill++) {
    while (shop.heard.accepted.length < (kill * payments.size) / (kills + 1)) await sleep(1)
    await service.end('SIGKILL')
    await service.start()
  }
  await paying
  const seconds = (performance.now() - beginMs) / 1000
  // When it has ended, all that it has taken is booked.
  await service.end('SIGTERM')
  over.abort()
  return { seconds, reads: await reading }
}
